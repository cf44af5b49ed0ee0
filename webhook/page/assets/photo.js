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

  return { kind, show, prepare };
})();
