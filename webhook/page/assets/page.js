// Makes the page kinder; everything works without it. Three things: photos are
// shown and checked before they are sent, and made readable (photo.js); sending
// shows how far it is and loses nothing; and news comes by itself. All words are
// in the page: see #words.
'use strict';
(() => {
  const root = document.documentElement, live = document.getElementById('live');
  const PIXELS = 12e6, BYTES = 8e6; // of a photo that is drawn anew
  let main = document.querySelector('main'), touched = false, sending = false, leaving = false, lost = 0, timer = 0, wait = 0;
  root.classList.add('js');

  const word = (name) => main.querySelector('#words').content.querySelector(`[data-word="${name}"]`).cloneNode(true);
  const say = (text) => { live.textContent = ''; requestAnimationFrame(() => { live.textContent = text; }); };

  // ---- Photos

  // Puts what only the script can do beside every file field.
  function enhance() {
    for (const input of main.querySelectorAll('input.file')) {
      input.accept = 'image/*'; // whatever can be shown can be sent
      const pick = word('pick'), choose = pick.querySelector('label'), take = pick.querySelector('.take');
      choose.htmlFor = input.id;
      take.setAttribute('aria-describedby', input.id + '-name');
      input.parentNode.querySelector('.name').id = input.id + '-name';
      // The field itself offers camera or library as the phone likes; some
      // phones leave the camera out, so that has a button of its own.
      take.addEventListener('click', () => {
        input.setAttribute('capture', 'environment');
        input.click();
        setTimeout(() => input.removeAttribute('capture'), 500);
      });
      input.after(pick);
    }
    main.querySelectorAll('form.upload').forEach(sides);
  }

  // Shows as many sides as the chosen type has.
  function sides(form) {
    const type = form.querySelector('[name=type]:checked, [name=type][type=hidden]');
    form.dataset.sides = !type ? '' : 'two' in type.dataset ? 'two' : 'one';
  }

  // Says what is wrong with a control, or takes it back.
  function mark(control, sentence) {
    const id = control.id + '-problem', place = control.closest('.side, .agree, .types');
    const old = document.getElementById(id);
    if (old) old.remove();
    const others = (control.getAttribute('aria-describedby') || '').split(' ').filter((one) => one && one !== id);
    control.removeAttribute('aria-invalid');
    if (sentence) {
      const problem = word('problem');
      problem.id = id;
      problem.querySelector('span').textContent = sentence;
      place.before(problem);
      if (place.matches('.side')) place.insertBefore(problem, control);
      others.unshift(id);
      control.setAttribute('aria-invalid', 'true');
    }
    control.setAttribute('aria-describedby', others.join(' '));
  }

  // By field: what is sent in place of its file, if anything, and whether it is still being made.
  const photos = new WeakMap();

  function show(input, preview) {
    const old = input.parentNode.querySelector('.preview'), image = old && old.querySelector('img');
    if (image) URL.revokeObjectURL(image.src);
    if (old) old.remove();
    if (preview) input.after(preview);
  }

  // Empties a field, and says why.
  function refuse(input, code) {
    const sentence = word('refusal.' + code).textContent;
    input.value = '';
    show(input);
    mark(input, sentence);
    say(sentence);
  }

  function chosen(input) {
    const side = input.closest('.side'), state = { jpg: null };
    show(input);
    for (const said of side.querySelectorAll('.problem, .doubt, .kept')) said.remove();
    mark(input, '');
    photos.set(input, state);
    addEventListener('beforeunload', stay);
    if (input.files[0]) state.work = examine(input, state);
  }

  // Shows a photo as it will be sent, or says why it cannot be.
  async function examine(input, state) {
    const file = input.files[0], limits = input.form.dataset, name = input.closest('.side').querySelector('.name').innerText;
    let code = '', kind = '';
    // It has its place and size at once: nothing moves later under a finger.
    const preview = word('preview'), said = preview.querySelector('span'), ready = said.textContent;
    said.textContent = word('busy').textContent;
    preview.classList.add('busy');
    show(input, preview);
    input.parentNode.querySelector('.pick label').textContent = word('again').textContent;
    try {
      kind = file.size ? await photo.kind(file) : 'empty';
      const image = await photo.show(file), edge = Math.min(image.naturalWidth, image.naturalHeight);
      if (limits.maxPixels > 0 && image.naturalWidth * image.naturalHeight > limits.maxPixels) code = 'too_many_pixels';
      if (limits.maxBytes > 0 && file.size > limits.maxBytes) code = 'too_large';
      if (kind !== 'plain' || code) state.jpg = await photo.prepare(file, PIXELS, Math.min(BYTES, limits.maxBytes || BYTES));
      code = edge < limits.minEdge ? 'too_small' : '';
    } catch {
      code = code || (kind === 'plain' ? 'broken' : kind || 'changed');
    }
    if (photos.get(input) !== state) return; // another one was chosen meanwhile
    if (code) return refuse(input, code);
    const image = preview.querySelector('img');
    preview.classList.remove('busy');
    said.textContent = ready;
    image.alt = `${word('alt').textContent}: ${name}`;
    image.src = URL.createObjectURL(state.jpg || file);
    say(`${name}: ${preview.innerText}`);
  }

  document.addEventListener('change', (event) => {
    const control = event.target;
    if (!control.closest('form.upload')) return;
    touched = true;
    if (control.type === 'radio') sides(control.form);
    if (control.matches('input.file')) chosen(control);
    else if (control.checked) mark(control.type === 'radio' ? control.form.querySelector('[name=type]') : control, '');
  });

  // ---- Sending

  const seen = (input) => input.closest('.side').offsetParent !== null;

  // The first control that keeps the form from being sent, or nothing.
  function unready(form) {
    const bad = [];
    const need = (control, sentence) => { mark(control, sentence); if (sentence) bad.push(control); };
    const types = form.querySelectorAll('[name=type][type=radio]');
    if (types.length) need(types[0], form.querySelector('[name=type]:checked') ? '' : word('type').textContent);
    const files = [...form.querySelectorAll('input.file')].filter(seen);
    for (const input of files) {
      const kept = 'kept' in input.closest('.side').dataset, [a, b] = files.map((each) => each.files[0]);
      if (!input.files[0] && !kept) need(input, word('refusal.missing').textContent);
      else if (input === files[1] && a && b && a.size === b.size && a.name === b.name && a.lastModified === b.lastModified) {
        need(input, word('refusal.same_twice').textContent);
      }
    }
    const consent = form.querySelector('[name=consent]');
    if (consent) need(consent, consent.checked ? '' : word('consent').textContent);
    return bad[0];
  }

  // Resolves to the answer; to none if the connection was lost.
  function post(form, data, bar, label) {
    return new Promise((done) => {
      const request = new XMLHttpRequest();
      request.open('POST', form.action);
      request.responseType = 'document';
      request.timeout = 300000;
      request.upload.onprogress = (event) => {
        if (!event.lengthComputable) return;
        bar.value = event.loaded / event.total * 100;
        if (event.loaded === event.total) { label.textContent = word('late').textContent; say(label.textContent); }
      };
      request.onload = () => done(request);
      request.onerror = request.ontimeout = request.onabort = () => done(null);
      request.send(data);
    });
  }

  // Our own page in an answer. Proxies and firewalls answer, too, and never with one.
  const ours = (request) => request && request.response && request.response.querySelector('main[data-page]');

  // Draws photos anew where that mends what the answer has against them. False if it mends nothing.
  async function mend(form, files, data, request) {
    const page = ours(request);
    let anew = [], pixels = PIXELS, bytes = BYTES, mended = false;
    if (!page || request.status === 413) { // too much for somebody on the way
      anew = files;
      pixels = 3e6;
      bytes = 900000 / files.length; // many proxies take 1 MB
    } else if (request.status === 422) {
      const same = (other) => other.elements.entity.value === form.elements.entity.value;
      const fresh = [...page.querySelectorAll('form.upload')].find(same), draft = fresh && fresh.elements.draft;
      if (!fresh) return false;
      const of = (input) => fresh.elements[input.name].closest('.side').dataset;
      anew = files.filter((input) => !photos.get(input).jpg && 'redraw' in of(input));
      if (draft) data.set('draft', draft.value); // what was good is there already
      for (const input of files) if ('kept' in of(input)) data.delete(input.name);
    }
    for (const input of anew) {
      try {
        data.set(input.name, photos.get(input).jpg = await photo.prepare(input.files[0], pixels, bytes), 'photo.jpg');
        mended = true;
      } catch { /* then it stays as it is */ }
    }
    return mended;
  }

  async function send(form) {
    const data = new FormData(form), button = form.querySelector('.send'), progress = word('progress'), files = [];
    for (const input of form.querySelectorAll('input.file')) {
      if (!seen(input) || !input.files[0]) { data.delete(input.name); continue; }
      files.push(input);
      if (photos.get(input).jpg) data.set(input.name, photos.get(input).jpg, 'photo.jpg');
    }
    for (const old of form.querySelectorAll('.retry')) old.remove();
    const bar = progress.querySelector('progress'), label = progress.querySelector('label');
    button.disabled = sending = true;
    button.before(progress);
    say(label.textContent);

    if (lost > 1) await mend(form, files, data, null);
    let request = await post(form, data, bar, label);
    if (request && request.status < 500 && await mend(form, files, data, request)) request = await post(form, data, bar, label);
    const page = ours(request);

    button.disabled = sending = false;
    progress.remove();
    lost = request ? 0 : lost + 1;
    // Too fast, or we are down: the photos stay chosen.
    if (page && request.status !== 429 && request.status < 500) return swap(request.response, true);
    const gone = [];
    for (const input of request ? [] : files) {
      try { if (!photos.get(input).jpg) await photo.kind(input.files[0]); } catch { gone.push(input); }
    }
    for (const input of gone) refuse(input, 'changed');
    if (gone[0]) return gone[0].focus();
    const retry = word('retry'), again = retry.querySelector('button');
    retry.querySelector('p').textContent = page ? [...page.querySelectorAll('.banner p')].map((p) => p.textContent).join(' ')
      : (request ? word('blocked') : word('lost')).textContent;
    again.addEventListener('click', () => submit(form));
    button.before(retry);
    again.focus();
  }

  async function submit(form) {
    if (sending) return;
    sending = true;
    for (const input of form.querySelectorAll('input.file')) await (photos.get(input) || {}).work;
    sending = false;
    const bad = unready(form);
    if (!bad) return send(form);
    bad.focus();
    say(document.getElementById(bad.id + '-problem').textContent);
  }

  document.addEventListener('submit', (event) => {
    const form = event.target;
    if (!form.matches('.upload')) {
      // A second press on Start would spend nothing more, but look broken.
      setTimeout(() => { for (const button of form.querySelectorAll('button')) button.disabled = true; });
      return;
    }
    event.preventDefault();
    submit(form);
  });

  // Chosen photos are lost with the page: whoever leaves is asked first.
  const holds = () => !leaving && [...main.querySelectorAll('input.file')].some((input) => input.files[0]);
  function stay(event) {
    if (!holds()) return;
    event.preventDefault();
    event.returnValue = '';
  }
  document.addEventListener('click', (event) => { // not every browser asks by itself
    if (!event.target.closest('a[hreflang]') || !holds()) return;
    if (confirm(word('leave').textContent)) leaving = true; else event.preventDefault();
  });

  // Coming back by the browser's button shows the page as it was left.
  addEventListener('pageshow', (event) => {
    if (event.persisted) for (const button of document.querySelectorAll('.start button')) button.disabled = false;
  });

  // ---- News

  // Puts a page's main part in place of ours. Whoever was in it, or has just
  // sent, is led to what matters first; anybody else only hears of it.
  function swap(page, lead) {
    const fresh = page.querySelector('main'), held = main.contains(document.activeElement);
    for (const image of main.querySelectorAll('.preview img')) URL.revokeObjectURL(image.src);
    main.replaceWith(document.adoptNode(fresh));
    main = fresh;
    document.title = page.title;
    touched = false;
    enhance();
    if (lead || held) (main.querySelector('.summary') || main.querySelector('h1')).focus();
    else say(main.querySelector('h1').textContent);
    wait = 0;
    plan();
  }

  function plan() {
    clearTimeout(timer);
    if (!main.dataset.newsUrl || document.hidden) return;
    wait = Math.min(wait ? wait * 1.5 : 2000, 10000);
    timer = setTimeout(look, wait);
  }

  async function look() {
    const idle = () => !touched && !sending; // never under the hands of somebody who is choosing
    const before = main;
    try {
      if (idle()) {
        const answer = await fetch(main.dataset.newsUrl, { cache: 'no-store', headers: { Accept: 'text/html' } });
        const over = answer.status >= 400 && answer.status < 500 && answer.status !== 429;
        if (answer.status === 200 || over) {
          const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
          if (idle() && main === before && page.querySelector('main[data-page]')) return swap(page);
        }
      }
    } catch { /* no connection: the next look may have one */ }
    plan();
  }

  document.addEventListener('visibilitychange', () => { wait = 0; plan(); });
  enhance();
  plan();
})();
