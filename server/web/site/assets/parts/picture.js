// The picture of an application, or a scene drawn from its name. It says nothing that the title does not say.

import { h, s } from '../lib/dom.js';
import { ownPicture, scene } from '../lib/pictures.js';

const drawn = (name) => {
  const { width, height, sky, disc, hills } = scene(name);
  return s(
    'svg',
    {
      class: 'picture', viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'xMidYMid slice', 'aria-hidden': 'true',
    },
    s('rect', { width, height, fill: sky }),
    s('circle', { cx: disc.x, cy: disc.y, r: disc.r, fill: disc.fill }),
    hills.map((hill) => s('path', hill)),
  );
};

/** The picture's element. */
export const picture = (application) => {
  const address = ownPicture(application.picture, location.origin);
  if (address === null) return drawn(application.name);
  const image = h('img', { class: 'picture', alt: '', src: address, loading: 'lazy', decoding: 'async' });
  image.addEventListener('error', () => image.replaceWith(drawn(application.name)), { once: true });
  return image;
};
