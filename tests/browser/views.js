// Every view of the site, and how to get there.

/** Times that can be chosen, once those of the chosen day are there. */
export const TIMES = '.times:not([aria-busy]) .slot input:enabled';

/** Opens each view in turn and calls `look(name)` in it. */
export const everyView = async (server, visitor, look) => {
  const { page } = visitor;
  const { name } = await server.application();
  const { code: booked } = await server.book(24 * 60);
  const { code: running } = await server.begin();
  const seen = async (address, locator, view) => {
    await visitor.open(address);
    await page.reload();
    await visitor.sees(locator);
    await look(view);
  };
  await seen('#/', page.locator('.card').first(), 'home');
  await seen(`#/application/${name}`, page.locator('.ways'), 'application');
  // Late in the evening today has no times any more.
  await seen(`#/application/${name}/plan`, page.locator('.times:not([aria-busy])'), 'plan');
  const day = page.locator('.day:not(.is-today)').first();
  if (await day.count() > 0) await day.click();
  else await page.locator('.calendar-top button').last().click().then(() => page.locator('.day').first().click());
  await page.locator(TIMES).first().check();
  await visitor.sees(page.locator('.summary .button'));
  await look('plan-chosen');
  await seen(`#/booking/${booked}`, page.locator('[data-code]'), 'booking');
  await page.locator('.is-danger-quiet').click();
  await visitor.sees(page.locator('dialog'));
  await look('booking-cancel');
  await page.keyboard.press('Escape');
  await seen(`#/session/${running}`, page.locator('.more'), 'session');
  await seen('#/join', page.locator('.code-input'), 'join');
  await page.locator('.code-input').fill(booked);
  await page.keyboard.press('Enter');
  await visitor.sees(page.locator('.outcome .timer'));
  await look('join-early');
  await seen('#/nowhere', page.locator('h1'), 'lost');
  await seen('#/application/no%20such', page.locator('.notice'), 'application-unknown');
};

/** Opens the operator's page, signed out and in, and calls `look(name)` in each state. */
export const everyOperatorView = async (server, visitor, look) => {
  const { page } = visitor;
  await visitor.open('/operator');
  await visitor.sees(page.locator('input[type="password"]'));
  await look('operator-sign-in');
  await page.locator('input[type="password"]').fill(await server.token());
  await page.keyboard.press('Enter');
  await visitor.sees(page.locator('#servers tbody tr').first());
  await look('operator');
  await page.locator('#applications .section-top button').click();
  await visitor.sees(page.locator('dialog'));
  await look('operator-form');
  await page.keyboard.press('Escape');
};
