// What a phone's keyboard did to a field: so many characters taken away at the end of what stayed, others added. Pure.

/** { erase, type }: characters to take back, then those to type. */
export const textDiff = (before, after) => {
  const was = [...before];
  const is = [...after];
  let same = 0;
  while (same < was.length && same < is.length && was[same] === is[same]) same += 1;
  return { erase: was.length - same, type: is.slice(same).join('') };
};
