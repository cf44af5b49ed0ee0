// Makes of a photo what the checking service can read. Whatever this browser
// can show can be sent: if not as it is, then drawn anew as a jpg.
'use strict';

const photo = (() => {
  // The first bytes of a file say what it is; its name and type may say anything.
  // Rejects if the file cannot be read (any more).
  async function kind(file) {
    const head = String.fromCharCode(...new Uint8Array(await new Response(file.slice(0, 1024)).arrayBuffer()));
    if (head.startsWith('\xff\xd8\xff') || head.startsWith('\x89PNG\r\n\x1a\n')) return 'plain';
    if (head.includes('%PDF-')) return 'pdf';
    if (/^....ftyp(hei|hev|mif|msf|avi)/s.test(head)) return 'heic';
    return file.type.startsWith('image/') ? 'other_kind' : 'not_image';
  }

  // A picture as this browser shows it: upright. Rejects if it shows none.
  async function show(file) {
    const image = new Image();
    image.src = URL.createObjectURL(file);
    try {
      await new Promise((done, fail) => { image.onload = done; image.onerror = fail; });
    } finally {
      URL.revokeObjectURL(image.src);
    }
    return image;
  }

  // A jpg of at most so many pixels and bytes. Rejects if there can be none.
  async function prepare(file, pixels, bytes) {
    const image = await show(file), canvas = document.createElement('canvas');
    // An <img> shows the half of a file that was cut off, too. That is not to be sent.
    if (window.createImageBitmap) (await createImageBitmap(file)).close();
    for (let most = pixels; most > 500000; most *= 0.6) {
      const scale = Math.min(1, Math.sqrt(most / image.naturalWidth / image.naturalHeight));
      canvas.width = Math.max(1, Math.floor(image.naturalWidth * scale));
      canvas.height = Math.max(1, Math.floor(image.naturalHeight * scale));
      const paper = canvas.getContext('2d');
      paper.fillStyle = '#fff';
      paper.fillRect(0, 0, canvas.width, canvas.height);
      paper.imageSmoothingQuality = 'high';
      paper.drawImage(image, 0, 0, canvas.width, canvas.height);
      for (const quality of [0.9, 0.7]) {
        const jpg = await new Promise((done) => { canvas.toBlob(done, 'image/jpeg', quality); });
        if (jpg && jpg.size <= bytes) return jpg;
      }
    }
    throw new Error('no jpg');
  }

  // What may be wrong with a picture, as the server judges it: see
  // internal/imagecheck/sharp.go. Letters are a few pixels wide on 800: gone if blurred.
  function doubts(image) {
    const scale = Math.min(1, 800 / Math.max(image.naturalWidth, image.naturalHeight)), canvas = document.createElement('canvas');
    const w = canvas.width = Math.max(1, Math.round(image.naturalWidth * scale));
    const h = canvas.height = Math.max(1, Math.round(image.naturalHeight * scale));
    const paper = canvas.getContext('2d');
    paper.imageSmoothingQuality = 'high';
    paper.drawImage(image, 0, 0, w, h);
    const { data } = paper.getImageData(0, 0, w, h), grey = new Uint8Array(w * h), count = new Uint32Array(256), tiles = [];
    for (let i = 0; i < grey.length; i++) {
      grey[i] = (data[4 * i] * 299 + data[4 * i + 1] * 587 + data[4 * i + 2] * 114) / 1000;
      count[grey[i]]++;
    }
    for (let top = 1; top + 16 < h; top += 16) {
      for (let left = 1; left + 16 < w; left += 16) {
        let sum = 0, square = 0, edge = 0, edges = 0;
        for (let y = top; y < top + 16; y++) {
          for (let i = y * w + left; i < y * w + left + 16; i++) {
            const v = grey[i], e = 4 * v - grey[i - 1] - grey[i + 1] - grey[i - w] - grey[i + w];
            sum += v; square += v * v; edge += e; edges += e * e;
          }
        }
        const contrast = square - sum * sum / 256;
        if (contrast > 30 * 256) tiles.push([contrast, (edges - edge * edge / 256) / contrast]);
      }
    }
    tiles.sort((a, b) => b[0] - a[0]);
    const best = tiles.slice(0, Math.floor((tiles.length + 3) / 4)).map((tile) => tile[1]).sort((a, b) => a - b), found = [];
    if (best.length && best[Math.floor(best.length * 3 / 4)] < 0.1) found.push('blurred');
    let rest = Math.floor(grey.length / 20), light = 255;
    while (light > 0 && (rest -= count[light]) >= 0) light--;
    if (light < 64) found.push('dark');
    return found;
  }

  return { kind, show, prepare, doubts };
})();
