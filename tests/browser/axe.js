// The accessibility check of axe-core on what a page shows.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const SOURCE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** Fails with what was found and where. */
export const assertAccessible = async (page, what) => {
  // Movement would make colours of the moment count.
  await page.evaluate(() => Promise.all(document.getAnimations()
    .filter((animation) => animation.effect?.getComputedTiming().iterations !== Infinity)
    .map((animation) => animation.finished.catch(() => {}))));
  await page.evaluate(SOURCE);
  const found = await page.evaluate((rules) => globalThis.axe.run(document, {
    runOnly: { type: 'tag', values: rules },
    resultTypes: ['violations', 'passes'],
  }), RULES);
  const lines = found.violations.flatMap((rule) => rule.nodes.map((node) => `${rule.id} (${rule.impact}): ${
    node.target.join(' ')}\n    ${node.failureSummary.replaceAll('\n', '\n    ')}`));
  assert.ok(lines.length === 0, `${what}: ${lines.length} violations\n${lines.join('\n')}`);
  assert.ok(found.passes.length > 10, `${what}: hardly anything was checked`);
};
