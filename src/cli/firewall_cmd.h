/* cli/firewall_cmd.h - `conclave firewall show|apply|check|remove`. */
#pragma once

/* argv[1] is "firewall". Returns the exit code: 0, 1 = refused, different or
 * failed, 2 = usage, 3 = nft is not installed. */
int firewall_main(int argc, char **argv);
