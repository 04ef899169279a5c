// Small things kept in the browser. A browser that keeps nothing (a private window, a full disk) is no error.

const attempt = (work) => {
  try {
    return work();
  } catch {
    return null;
  }
};

/** What was kept for this browser, or null. */
export const recall = (name) => attempt(() => localStorage.getItem(`treecast.${name}`));

/** Keeps it for this browser. */
export const remember = (name, value) => attempt(() => localStorage.setItem(`treecast.${name}`, value));

/** What was kept for this tab, or null. */
export const recallHere = (name) => attempt(() => JSON.parse(sessionStorage.getItem(`treecast.${name}`)));

/** Keeps it for this tab. */
export const rememberHere = (name, value) => attempt(() => sessionStorage.setItem(
  `treecast.${name}`,
  JSON.stringify(value),
));

/** Forgets what was kept for this tab. */
export const forgetHere = (name) => attempt(() => sessionStorage.removeItem(`treecast.${name}`));
