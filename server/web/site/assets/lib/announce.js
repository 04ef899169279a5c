// Saying things to people who do not see the page, through its one polite live region.

// Long enough that a reader notices the change of a text that is the same again (a guess).
const SETTLE_MS = 60;

/** Says a text; the same text again is said again. */
export const announce = (text) => {
  const region = document.getElementById('announcer');
  region.textContent = '';
  setTimeout(() => { region.textContent = text; }, SETTLE_MS);
};
