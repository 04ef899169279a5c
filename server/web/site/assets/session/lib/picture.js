// What is seen and heard: the elements that play, the gesture that browsers want before sound, full screen.

import { h } from '../../lib/dom.js';
import { recall, remember } from '../../lib/store.js';
import { t } from './words.js';
import { icon } from '../view/icons.js';

export class Picture {
  constructor(app) {
    this.app = app;
    this.hasFrame = app.way.hasFrame;
    this.isMuted = recall('muted') === 'yes';
    const { video, audio } = app.stage;
    this.videoElement = video;
    this.audioElement = audio;
    audio.muted = this.isMuted;
    this.listenWords = h('span', {});
    this.listen = h('button', {
      type: 'button', class: 'button listen', hidden: true, 'data-do': 'listen', onclick: () => this.play(),
    }, icon('sound'), this.listenWords);
    for (const sign of ['pointerdown', 'keydown']) {
      addEventListener(sign, () => { if (!this.listen.hidden) this.play(); }, { capture: true });
    }
    document.addEventListener('fullscreenchange', () => this.fullChanged());
    video.addEventListener('enterpictureinpicture', () => app.show());
    this.speak();
    const { stream, sound } = app.way;
    if (stream && !this.hasFrame) this.video(stream);
    if (sound) this.audio(sound);
  }

  speak() {
    this.listenWords.textContent = t('tools.listen');
    if (this.app.tools) this.showSound();
  }

  /** A new picture; the last one stays until the first frame of this one is there. */
  video(stream) {
    const { videoElement } = this;
    if (videoElement.videoWidth > 0 && videoElement.srcObject !== stream) this.app.stage.hold(true);
    this.app.way.play(stream, () => {
      this.hasFrame = true;
      this.app.stage.hold(false);
      this.app.showStatus();
    });
  }

  audio(stream) {
    this.audioElement.srcObject = stream;
    this.play();
  }

  /** Plays the sound; browsers that want a gesture first get their button. */
  async play() {
    if (!this.audioElement.srcObject) return;
    try {
      await this.audioElement.play();
      this.listen.hidden = true;
    } catch (error) {
      if (error.name === 'NotAllowedError') this.listen.hidden = this.isMuted;
    }
    this.showSound();
  }

  toggleSound() {
    this.isMuted = !this.isMuted;
    remember('muted', this.isMuted ? 'yes' : 'no');
    this.audioElement.muted = this.isMuted;
    if (!this.isMuted) this.play();
    else this.listen.hidden = true;
    this.showSound();
  }

  showSound() {
    this.app.tools?.sound.show(this.isMuted, this.isMuted ? 'mute' : 'sound');
  }

  async toggleSmall() {
    try {
      if (document.pictureInPictureElement) await document.exitPictureInPicture();
      else await this.videoElement.requestPictureInPicture();
    } catch {
      // There is no picture yet, or the browser does not want to.
    }
  }

  canBeFull() {
    return document.fullscreenEnabled === true || 'webkitEnterFullscreen' in HTMLVideoElement.prototype;
  }

  async toggleFull() {
    const { node } = this.app.stage;
    try {
      if (document.fullscreenElement) await document.exitFullscreen();
      else if (node.requestFullscreen) await node.requestFullscreen({ navigationUI: 'hide' });
      else this.videoElement.webkitEnterFullscreen?.();
    } catch {
      // Not without a gesture, or not in this frame.
    }
  }

  fullChanged() {
    const isFull = document.fullscreenElement !== null;
    // Keys that are the browser's own otherwise (Esc, Ctrl+W) go to the application; Esc held leaves.
    if (isFull) navigator.keyboard?.lock?.().catch(() => {});
    else navigator.keyboard?.unlock?.();
    this.app.tools.full.show(isFull, isFull ? 'window' : 'full');
    if (isFull) this.app.focusPicture();
  }
}
