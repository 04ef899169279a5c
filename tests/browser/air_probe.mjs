import { chromium } from 'playwright-core';
const url = process.argv[2];
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox','--disable-gpu'] });
const page = await (await browser.newContext({ignoreHTTPSErrors:true})).newPage();
page.on('console', m => console.log('console', m.text()));
page.on('pageerror', e => console.log('error', e));
await page.goto(url);
for (let i = 0; i < Number(process.argv[3] ?? 8); i++) {
  await new Promise(r => setTimeout(r, 1000));
  if (i === 2) await page.getByRole('button', {name: 'Sound'}).click();
  console.log(JSON.stringify(await page.evaluate(async () => {
    const out = {state: document.getElementById('state').textContent, cs: window.connection?.connectionState};
    for (const r of (await window.connection?.getStats())?.values() ?? []) if (r.type === 'inbound-rtp') out[r.kind] = r.kind === 'video' ? [r.framesDecoded, r.frameWidth, r.freezeCount, r.packetsLost, r.keyFramesDecoded, r.framesDropped, r.totalFreezesDuration, r.pliCount] : [r.totalAudioEnergy, r.packetsReceived, r.concealedSamples, r.totalSamplesReceived, r.packetsLost];
    return out;
  })));
}
await page.screenshot({path: '/tmp/w/AIR/run/shot.png'});
await browser.close();
