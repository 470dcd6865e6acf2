// What a person without a mouse, with weak eyes or on a phone needs of a page.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { TOP } from './platform.mjs';

export const WIDE = { width: 1280, height: 760 };
export const PHONE = { width: 390, height: 844 };
const SHOTS = join(TOP, 'out/screenshots');
const CONTRAST_MIN = 4.5;
const NAMED = new Set(['button', 'textbox', 'combobox', 'checkbox', 'link', 'meter', 'radio', 'slider', 'searchbox', 'dialog', 'complementary', 'group', 'video']);

export async function shot(page, name) {
  mkdirSync(SHOTS, { recursive: true });
  await page.screenshot({ path: join(SHOTS, `${name}.png`) });
}

// Each element that a screen reader offers to operate has a name.
export async function allNamed(page, where) {
  const cdp = await page.context().newCDPSession(page);
  const { nodes } = await cdp.send('Accessibility.getFullAXTree');
  await cdp.detach();
  const offered = nodes.filter((n) => !n.ignored && NAMED.has(n.role?.value?.toLowerCase()));
  const nameless = offered.filter((n) => !n.name?.value?.trim()).map((n) => n.role.value);
  assert.deepEqual(nameless, [], `${where}: nameless elements`);
  return offered.map((n) => `${n.role.value}: ${n.name.value}`);
}

// Text whose contrast with what is painted behind it is too weak.
export async function contrasts(page, where) {
  const weak = await page.evaluate((min) => {
    const parse = (c) => {
      const v = c.match(/[\d.]+/g).map(Number);
      return { r: v[0], g: v[1], b: v[2], a: v[3] ?? 1 };
    };
    const over = (top, under) => ({
      r: top.r * top.a + under.r * (1 - top.a),
      g: top.g * top.a + under.g * (1 - top.a),
      b: top.b * top.a + under.b * (1 - top.a),
      a: 1,
    });
    const behind = (el) => {
      if (!el) return { r: 255, g: 255, b: 255, a: 1 };
      const c = parse(getComputedStyle(el).backgroundColor);
      return c.a === 1 ? c : over(c, behind(el.parentElement));
    };
    const light = (c) => {
      const [r, g, b] = [c.r, c.g, c.b].map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const out = [];
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
      const el = walk.currentNode.parentElement;
      const text = walk.currentNode.textContent.trim();
      if (!text || !el.checkVisibility({ checkOpacity: true }) || el.closest(':disabled, noscript, option')) continue;
      const bg = behind(el);
      const fg = over(parse(getComputedStyle(el).color), bg);
      const [a, b] = [light(fg), light(bg)].sort((x, y) => y - x);
      const ratio = (a + 0.05) / (b + 0.05);
      if (ratio < min) out.push(`${text}: ${ratio.toFixed(2)}`);
    }
    return out;
  }, CONTRAST_MIN);
  assert.deepEqual(weak, [], `${where}: contrast below ${CONTRAST_MIN}`);
}

// Nothing is wider than the window, and nothing to press is cut off.
export async function fits(page, where) {
  const wide = await page.evaluate(() => {
    const out = [];
    const root = document.scrollingElement;
    if (root.scrollWidth > window.innerWidth) out.push(`page ${root.scrollWidth}`);
    for (const e of document.querySelectorAll('button, input, select')) {
      const r = e.getBoundingClientRect();
      if (r.width && e.checkVisibility() && (r.left < 0 || r.right > window.innerWidth + 0.5)) out.push(`${e.textContent || e.id} ${r.left}..${r.right}`);
    }
    return out;
  });
  assert.deepEqual(wide, [], `${where}: wider than the window`);
}

// Both colour schemes and the phone, a picture of each when a name is given.
export async function everyLook(page, where, name) {
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    await contrasts(page, `${where}, ${colorScheme}`);
    if (name) await shot(page, colorScheme === 'light' ? name : `${name}-dark`);
  }
  await page.emulateMedia({ colorScheme: 'light' });
  await allNamed(page, where);
  await page.setViewportSize(PHONE);
  await settled(page);
  await fits(page, `${where}, phone`);
  if (name) await shot(page, `${name}-phone`);
  await page.setViewportSize(WIDE);
  await settled(page);
  await fits(page, where);
}

// Two frames: observers of sizes have run and the result is painted.
export function settled(page) {
  return page.evaluate(() => new Promise((ok) => requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(ok)))));
}

// What has the focus, and that one sees it.
export async function focused(page) {
  return page.evaluate(() => {
    const e = document.activeElement;
    const s = getComputedStyle(e);
    const label = e.labels?.[0]?.textContent ?? e.getAttribute('aria-label') ?? e.textContent;
    return { label: label.trim(), tag: e.tagName, seen: e.matches(':focus-visible') && s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2 };
  });
}

// The stops of the Tab key from the present focus; each must be visible.
export async function tabs(page, count, where) {
  const out = [];
  for (let i = 0; i < count; i++) {
    await page.keyboard.press('Tab');
    const f = await focused(page);
    assert.ok(f.seen, `${where}: focus on ${f.tag} ${f.label} is not visible`);
    out.push(f.label);
  }
  return out;
}

export async function tabTo(page, pattern, where) {
  for (let i = 0; i < 25; i++) {
    const f = await focused(page);
    if (f.tag !== 'BODY' && pattern.test(f.label)) {
      assert.ok(f.seen, `${where}: focus on ${f.label} is not visible`);
      return f;
    }
    await page.keyboard.press('Tab');
  }
  throw new Error(`${where}: Tab never reaches ${pattern}`);
}
