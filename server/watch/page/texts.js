// What the page of a channel says, in the languages of the site.

const TEXTS = {
  en: {
    channel: (n) => `Channel ${n}`,
    connecting: 'Connecting…',
    waiting: 'The picture comes in a moment…',
    again: (why) => `${why} Trying again…`,
    lost: 'The connection was lost.',
    unreachable: 'The server does not answer.',
    sound: 'Sound',
    volume: 'Volume',
    full: 'Full screen',
  },
  ru: {
    channel: (n) => `Канал ${n}`,
    connecting: 'Подключение…',
    waiting: 'Изображение сейчас появится…',
    again: (why) => `${why} Новая попытка…`,
    lost: 'Соединение потеряно.',
    unreachable: 'Сервер не отвечает.',
    sound: 'Звук',
    volume: 'Громкость',
    full: 'Во весь экран',
  },
};

/** The language that the visitor's browser prefers. */
export const language = navigator.language.startsWith('ru') ? 'ru' : 'en';

export const texts = TEXTS[language];
