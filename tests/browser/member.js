// Somebody in a session: its page, the picture that reaches them, the sound, and what their hands do.

import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { PATIENCE_MS, until } from './lab.js';

/** What can be heard, above the noise of what is coded. */
const LEAST_DB = -60;
/** As near as the spectrum of a short tone tells. */
const NEAR_HZ = 30;

/** What the application said so far, a line each: `logs` is where its session server keeps that. A line that is being
 * written is not there yet. */
export const said = async (logs) => {
  const names = await readdir(logs).catch(() => []);
  const texts = await Promise.all(names.filter((name) => name.endsWith('.log')).sort()
    .map((name) => readFile(join(logs, name), 'utf8')));
  return texts.flatMap((text) => text.split('\n').slice(0, -1)).filter((line) => line !== '');
};

/** In the page: keeps the channels that hands go over. */
export const KEEP_INPUT = () => {
  const { prototype } = globalThis.RTCPeerConnection;
  const make = prototype.createDataChannel;
  globalThis.inputChannels = [];
  prototype.createDataChannel = function createDataChannel(label, ...how) {
    const channel = make.call(this, label, ...how);
    if (label === 'input') globalThis.inputChannels.push(channel);
    return channel;
  };
};

/** In the page: reads the two rows of cells that the application paints (server/sample/src/marks.rs). */
export const READ_MARKS = () => {
  const CELLS = 64;
  const canvas = document.createElement('canvas');
  const context = canvas.getContext('2d', { willReadFrequently: true });
  globalThis.readMarks = (video) => {
    if (!video || video.videoWidth === 0) return null;
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    context.drawImage(video, 0, 0);
    const cell = 20 * video.videoHeight / 720;
    const row = (number) => {
      const { data } = context.getImageData(0, Math.floor((number + 0.5) * cell), canvas.width, 1);
      let bits = 0n;
      for (let at = 0; at < CELLS; at += 1) {
        const x = Math.floor((at + 0.5) * canvas.width / CELLS);
        bits = (bits << 1n) | (data[x * 4] > 127 ? 1n : 0n);
      }
      const value = bits >> 16n;
      const word = (shift) => Number((value >> BigInt(shift)) & 0xffffn);
      const check = (0x5eed + word(0) * 3 + word(16) * 5 + word(32) * 7) & 0xffff;
      return Number(bits & 0xffffn) === check ? value : null;
    };
    const painted = row(0);
    const input = row(1);
    if (painted === null || input === null) return null;
    // What is to be seen below the cells, as a few numbers.
    const small = document.createElement('canvas');
    small.width = 32;
    small.height = 18;
    const pen = small.getContext('2d');
    pen.drawImage(canvas, 0, 2 * cell, canvas.width, canvas.height - 2 * cell, 0, 0, small.width, small.height);
    return {
      painted: Number(painted),
      inputs: Number(input >> 32n),
      x: Number((input >> 16n) & 0xffffn),
      y: Number(input & 0xffffn),
      width: canvas.width,
      height: canvas.height,
      view: [...pen.getImageData(0, 0, small.width, small.height).data].filter((_, at) => at % 4 !== 3),
    };
  };
};

/** A person in a session; everything a visitor has is here too. */
export class Member {
  constructor(visitor) {
    this.visitor = visitor;
    this.page = visitor.page;
    this.catcher = this.page.locator('.catcher');
  }

  /** Opens the page of a session: `secrets` are what stands after "#". */
  async enter(url, secrets = {}) {
    await this.page.addInitScript(READ_MARKS);
    await this.page.addInitScript(KEEP_INPUT);
    await this.page.goto(`${url}#${new URLSearchParams(secrets)}`);
    await this.isInside();
  }

  /** Waits for the list of people, which a phone on its side does not show at once. */
  async isInside() {
    await this.page.locator('.person').first().waitFor({ state: 'attached' });
  }

  /** What the picture says now; null: there is none, or it is between two. */
  marks() {
    return this.page.evaluate(() => globalThis.readMarks(document.querySelector('video')));
  }

  /** Waits for a picture of which `isIt` is true. */
  async picture(what, isIt = () => true) {
    return until(what, async () => {
      const marks = await this.marks();
      return marks && isIt(marks) ? marks : null;
    });
  }

  /** Some pictures in a row, as they come. */
  pictures(count) {
    return this.page.evaluate((wanted) => new Promise((done) => {
      const video = document.querySelector('video');
      const seen = [];
      const look = () => {
        const marks = globalThis.readMarks(video);
        if (marks && marks.painted !== seen.at(-1)?.painted) seen.push(marks);
        if (seen.length >= wanted) done(seen);
        else video.requestVideoFrameCallback(look);
      };
      video.requestVideoFrameCallback(look);
    }), count);
  }

  /** How loud it is around a tone, in decibel: the highest within some seconds, above what is around it. */
  loudness(hertz, seconds) {
    return this.page.evaluate(async ([tone, length]) => {
      const context = new AudioContext();
      await context.resume();
      const analyser = context.createAnalyser();
      analyser.fftSize = 4096;
      analyser.smoothingTimeConstant = 0;
      context.createMediaStreamSource(document.querySelector('audio').srcObject).connect(analyser);
      const spectrum = new Float32Array(analyser.frequencyBinCount);
      const bin = Math.round(tone * analyser.fftSize / context.sampleRate);
      let highest = { at: -Infinity, peak: 0 };
      const end = performance.now() + length * 1000;
      while (performance.now() < end) {
        analyser.getFloatFrequencyData(spectrum);
        const at = Math.max(...spectrum.slice(bin - 2, bin + 3));
        const peak = spectrum.indexOf(Math.max(...spectrum)) * context.sampleRate / analyser.fftSize;
        if (at > highest.at) highest = { at, peak };
        await new Promise((next) => { setTimeout(next, 20); });
      }
      await context.close();
      return highest;
    }, [hertz, seconds]);
  }

  /** Waits until a tone is the loudest there is, and can be heard. */
  async hearsTone(hertz) {
    let heard = null;
    try {
      await until(`${this.visitor.name} hears ${hertz} Hz`, async () => {
        heard = await this.loudness(hertz, 2.5);
        return heard.at > LEAST_DB && Math.abs(heard.peak - hertz) < NEAR_HZ;
      });
    } catch (error) {
      assert.fail(`${error.message}; it has ${heard?.at} dB, the loudest is ${heard?.peak} Hz`);
    }
  }

  /** Where a point of the picture is in the page, once there is a picture and the page does not move it any more. */
  place(x, y) {
    let last = null;
    return until('the picture has its place', async () => {
      const before = last;
      last = await this.placeNow(x, y);
      return last !== null && last.x === before?.x && last.y === before?.y ? last : null;
    });
  }

  placeNow(x, y) {
    return this.page.evaluate(([sx, sy]) => {
      const box = document.querySelector('.surface').getBoundingClientRect();
      const { videoWidth, videoHeight } = document.querySelector('video');
      if (videoWidth === 0) return null;
      const scale = Math.min(box.width / videoWidth, box.height / videoHeight);
      const width = videoWidth * scale;
      const height = videoHeight * scale;
      return { x: box.left + (box.width - width) / 2 + sx * width, y: box.top + (box.height - height) / 2 + sy * height };
    }, [x, y]);
  }

  /** Clicks at a point of the picture, by shares of its size. */
  async click(x, y, options) {
    const at = await this.place(x, y);
    await this.page.mouse.click(at.x, at.y, options);
  }

  /** Presses a button of the page. */
  async press(name) {
    await this.page.locator(`[data-do="${name}"]:visible`).first().click();
  }

  /** Waits until this one drives and what hands do gets away, or until it does not drive. */
  async drives(isIt = true) {
    await until(`${this.visitor.name} ${isIt ? 'drives' : 'does not drive'}`, async () => (
      (await this.page.locator('.tools').getAttribute('data-step')) === 'drive') === isIt);
    if (!isIt) return;
    await until(`${this.visitor.name}'s hands have a channel`, () => this.page.evaluate(() => (
      globalThis.inputChannels.some(({ readyState }) => readyState === 'open'))));
  }

  /** The number of this one in the session. */
  async number() {
    return this.page.locator('.person', { has: this.page.locator('.is-you') }).getAttribute('data-client');
  }
}

/** Waits for lines of the application, in this order, after the first `from` of them; gives the number of the last one
 * that was waited for: what comes next may be there already. */
export const hears = async (logs, wanted, from = 0, patience = PATIENCE_MS) => {
  let lines = [];
  try {
    return await until(`the application says ${wanted.join(', ')}`, async () => {
      lines = (await said(logs)).slice(from);
      let at = 0;
      for (const [place, line] of lines.entries()) {
        const one = wanted[at];
        if (one instanceof RegExp ? one.test(line) : line === one) at += 1;
        if (at === wanted.length) return from + place + 1;
      }
      return null;
    }, patience);
  } catch (error) {
    assert.fail(`${error.message}; it said:\n${lines.slice(-40).join('\n')}`);
  }
  return null;
};
