// Adding an application, or altering one.

import { h, newId } from '../lib/dom.js';
import { t } from '../lib/texts.js';
import { wordsFor } from '../parts/notice.js';

const field = (label, make, hint) => {
  const id = newId('field');
  const help = newId('field');
  const input = make({ id, 'aria-describedby': hint ? help : null });
  const node = h(
    'div',
    { class: 'field' },
    h('label', { for: id }, label),
    input,
    hint && h('p', { class: 'hint', id: help }, hint),
  );
  return { node, input };
};

const line = (value, more = {}) => (attributes) => h('input', { ...attributes, ...more, value, autocomplete: 'off' });
const lines = (value) => (attributes) => h('textarea', { ...attributes, rows: '3' }, value);

const texts = (before, en, ru) => {
  const after = { ...before, en: en.input.value.trim(), ru: ru.input.value.trim() };
  return Object.fromEntries(Object.entries(after).filter(([, text]) => text !== ''));
};

/** Opens the form; `known` is the application to alter, null for a new one. */
export const editApplication = (known, api, act) => {
  const heading = newId('form');
  const name = field(t('applications.name'), line(known?.name ?? '', { readonly: known !== null, required: true }),
    t('applications.name_hint'));
  const titleEn = field(t('applications.title_en'), line(known?.title?.en ?? ''));
  const titleRu = field(t('applications.title_ru'), line(known?.title?.ru ?? ''));
  const aboutEn = field(t('applications.description_en'), lines(known?.description?.en ?? ''));
  const aboutRu = field(t('applications.description_ru'), lines(known?.description?.ru ?? ''));
  const picture = field(t('applications.picture'), line(known?.picture ?? ''), t('applications.picture_hint'));
  const complaint = h('p', { class: 'field-problem', role: 'alert' });
  const save = h('button', { type: 'submit', class: 'button' }, t('applications.save'));

  const submit = async () => {
    const wanted = name.input.value.trim();
    if (wanted === '') {
      complaint.textContent = t('applications.name_missing');
      name.input.focus();
      return;
    }
    save.disabled = true;
    save.textContent = t('applications.saving');
    try {
      await api.putApplication(wanted, {
        name: wanted,
        title: texts(known?.title, titleEn, titleRu),
        description: texts(known?.description, aboutEn, aboutRu),
        picture: picture.input.value.trim() || null,
      });
      dialog.close();
      act(async () => {});
    } catch (error) {
      complaint.textContent = wordsFor(error);
    } finally {
      save.disabled = false;
      save.textContent = t('applications.save');
    }
  };

  const dialog = h(
    'dialog',
    { class: 'dialog is-form', 'aria-labelledby': heading },
    h(
      'form',
      { class: 'form', novalidate: true, onsubmit: (event) => { event.preventDefault(); submit(); } },
      h('h2', { id: heading }, known ? t('applications.edit_one', { name: known.name }) : t('applications.add')),
      name.node,
      h('div', { class: 'pair' }, titleEn.node, titleRu.node),
      h('div', { class: 'pair' }, aboutEn.node, aboutRu.node),
      picture.node,
      complaint,
      h(
        'div',
        { class: 'row is-end' },
        h('button', { type: 'button', class: 'button is-quiet', onclick: () => dialog.close() },
          t('applications.cancel')),
        save,
      ),
    ),
  );
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
};
