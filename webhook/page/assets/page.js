// Everything works without this script. It shows, checks and sends a photo as
// soon as it is chosen (photo.js), sends again after a lost connection, and
// fetches news. All words are in the page: see #words.
'use strict';
(() => {
  const root = document.documentElement, live = document.getElementById('live');
  const PIXELS = 12e6, BYTES = 8e6; // of a photo that is drawn anew
  let main = document.querySelector('main'), form, shot, touched = false, sending = false, lost = 0, timer = 0;
  root.classList.add('js');

  const word = (name) => main.querySelector('#words').content.querySelector(`[data-word="${name}"]`).cloneNode(true);
  const say = (text) => { live.textContent = ''; requestAnimationFrame(() => { live.textContent = text; }); };
  const $ = (selector) => main.querySelector(selector);
  const hush = (what = '.summary') => { for (const old of main.querySelectorAll(what)) old.remove(); };

  // ---- The page

  // Puts what only the script can do into the page.
  function enhance() {
    form = $('form.upload');
    shot = null;
    for (const time of main.querySelectorAll('time')) {
      const at = new Date(time.dateTime);
      if (!isNaN(at)) time.textContent = at.toLocaleString(root.lang, { day: 'numeric', month: 'long', hour: '2-digit', minute: '2-digit' });
    }
    const consent = $('[name=consent]'), input = $('input.file');
    if (consent) consent.checked = consent.checked || sessionStorage.getItem(agreement()) === 'yes';
    if (input) choosing(input);
    for (const site of parent === window ? [] : (root.dataset.frames || '').split(' ').filter(Boolean)) {
      parent.postMessage({ type: 'kyc.stage', stage: main.dataset.stage || main.dataset.page }, site);
    }
  }

  // Puts a button for the camera and one for the library in the place of the field.
  function choosing(input) {
    const go = $('.go'), box = $('.shot'), doubtful = !!$('.use'), kept = 'kept' in box.dataset && !doubtful;
    input.accept = 'image/*'; // whatever can be shown can be sent
    const take = word('take'), choose = document.createElement('label');
    choose.className = 'second choose';
    choose.htmlFor = input.id;
    choose.textContent = word(kept || doubtful ? 'again' : 'choose').textContent;
    // Some phones offer no camera at the field, so it has a button of its own.
    take.addEventListener('click', () => {
      input.setAttribute('capture', 'environment');
      input.click();
      setTimeout(() => input.removeAttribute('capture'), 500);
    });
    go.hidden = !kept;
    take.classList.toggle('second', kept);
    take.classList.toggle('primary', !kept);
    go.parentNode.prepend(take);
    go.parentNode.append(choose);
    if (kept) go.parentNode.prepend(go);
    if (input.files[0]) chosen(input); // chosen early
  }

  // Takes off what was said of the photo before.
  function clear() {
    hush('.summary, .retry, .use, .progress');
    $('input.file').removeAttribute('aria-invalid');
  }

  // Says what is wrong.
  function trouble(text, mild) {
    const box = word('trouble');
    box.classList.toggle('mild', !!mild);
    box.querySelector('span').textContent = text;
    $('h1').after(box);
    box.focus();
    return box;
  }

  // The key of the consent for these photos: other photos need another one.
  function agreement() {
    const rev = new URL(main.dataset.newsUrl, location.href).searchParams.get('rev');
    return ['consent', form.elements.entity.value, rev.slice(rev.indexOf('.'))].join(' ');
  }

  // ---- Photos

  function refuse(input, code) {
    input.value = '';
    if (shot && shot.figure) shot.figure.remove();
    shot = null;
    $('.shot').classList.remove('shown');
    clear();
    input.setAttribute('aria-invalid', 'true');
    trouble(word('refusal.' + code).textContent);
  }

  // Shows a photo as it will be sent, or says why it cannot be; sends it if
  // nothing looks wrong with it.
  async function chosen(input) {
    const file = input.files[0], limits = form.dataset, state = { jpg: null, file };
    clear();
    if (shot && shot.figure) shot.figure.remove();
    shot = state;
    $('.go').hidden = true;
    if (!file) { $('.shot').classList.remove('shown'); return; }
    addEventListener('beforeunload', stay);
    const figure = state.figure = word('preview'), image = figure.querySelector('img'), said = figure.querySelector('figcaption');
    said.textContent = word('busy').textContent;
    $('.shot').prepend(figure);
    $('.shot').classList.add('shown');
    $('.choose').textContent = word('again').textContent;
    let code = '', kind = '', doubts = [];
    try {
      kind = file.size ? await photo.kind(file) : 'empty';
      const picture = await photo.show(file), edge = Math.min(picture.naturalWidth, picture.naturalHeight);
      if (limits.maxPixels > 0 && picture.naturalWidth * picture.naturalHeight > limits.maxPixels) code = 'too_many_pixels';
      if (limits.maxBytes > 0 && file.size > limits.maxBytes) code = 'too_large';
      if (kind !== 'plain' || code) state.jpg = await photo.prepare(file, PIXELS, Math.min(BYTES, limits.maxBytes || BYTES));
      code = edge < limits.minEdge ? 'too_small' : '';
      doubts = photo.doubts(picture);
    } catch {
      code = code || (kind === 'plain' ? 'broken' : kind || 'changed');
    }
    if (shot !== state) return; // another one was chosen meanwhile
    if (code) return refuse(input, code);
    image.alt = word('alt').textContent;
    image.src = URL.createObjectURL(state.jpg || file);
    if (!doubts.length) return upload(input, state, false);
    said.textContent = '';
    trouble(doubts.map((doubt) => word('warning.' + doubt).textContent).join(' '), true);
    const use = word('use');
    use.addEventListener('click', () => { clear(); upload(input, state, true); });
    $('.actions').append(use);
  }

  // Sends a photo. Its answer, the next step, waits until the person has seen
  // that the photo can be read.
  async function upload(input, state, anyway) {
    const data = new FormData(form), said = state.figure.querySelector('figcaption');
    if (anyway) data.set('anyway', 'yes');
    if (state.jpg) data.set(input.name, state.jpg, 'photo.jpg');
    said.textContent = '';
    const request = await send(data, said, async (sent) => {
      if (lost > 1 || sent) return mend(input, state, data, sent);
      return false;
    });
    if (shot !== state) return;
    const page = ours(request);
    if (page && request.status < 400) {
      state.next = request.response;
      said.textContent = word('ready').textContent;
      say(said.textContent);
      const go = $('.go');
      go.hidden = false;
      $('.take').classList.replace('primary', 'second');
      $('.actions').prepend(go);
      return;
    }
    if (page && request.status !== 429 && request.status < 500) return swap(request.response, true, true);
    if (!request) {
      try { if (!state.jpg) await photo.kind(state.file); } catch { return refuse(input, 'changed'); }
    }
    again(request, page, () => upload(input, state, anyway));
  }

  // Draws a photo anew where that mends what the answer has against it. False if it mends nothing.
  async function mend(input, state, data, request) {
    const page = ours(request);
    let pixels = PIXELS, bytes = BYTES;
    if (!page || request.status === 413) { // too much for somebody on the way
      pixels = 3e6;
      bytes = 900000; // many proxies take 1 MB
    } else if (state.jpg || request.status !== 422 || !page.querySelector('[data-redraw]')) {
      return false;
    }
    try {
      data.set(input.name, state.jpg = await photo.prepare(state.file, pixels, bytes), 'photo.jpg');
      return true;
    } catch {
      return false;
    }
  }

  // ---- Sending

  // Our own page in an answer. Proxies and firewalls answer, too, and never with one.
  const ours = (request) => request && request.response && request.response.querySelector('main[data-page]');

  // Resolves to the answer; to none if the connection was lost.
  function post(data, bar, label) {
    return new Promise((done) => {
      const request = new XMLHttpRequest();
      request.open('POST', form.getAttribute('action'));
      request.responseType = 'document';
      request.timeout = 300000;
      request.upload.onprogress = (event) => {
        if (!event.lengthComputable || !bar.isConnected) return;
        bar.value = event.loaded / event.total * 100;
        if (event.loaded === event.total) { label.textContent = word('late').textContent; say(label.textContent); }
      };
      request.onload = () => done(request);
      request.onerror = request.ontimeout = request.onabort = () => done(null);
      request.send(data);
    });
  }

  // Sends a form, with its progress where that is to be seen, and once more where mending helps.
  async function send(data, place, mending) {
    const progress = word('progress'), bar = progress.querySelector('progress'), label = progress.querySelector('label');
    sending = true;
    if (place) { place.append(progress); say(label.textContent); }
    if (lost > 1) await mending(null);
    let request = await post(data, bar, label);
    if (request && request.status >= 400 && request.status < 500 && await mending(request)) request = await post(data, bar, label);
    sending = false;
    progress.remove();
    lost = request ? 0 : lost + 1;
    return request;
  }

  // Offers to try again, and does so by itself once there is a connection.
  function again(request, page, retry) {
    const old = $('.retry');
    if (old) old.remove();
    hush();
    trouble(page ? [...page.querySelectorAll('.banner p')].map((p) => p.textContent).join(' ')
      : (request ? word('blocked') : word('lost')).textContent);
    const button = word('retry');
    const go = () => {
      removeEventListener('online', go);
      if (!button.isConnected || sending) return;
      hush();
      button.remove();
      retry();
    };
    button.addEventListener('click', go);
    if (!request) addEventListener('online', go);
    $('.actions, .choices').prepend(button);
  }

  async function submit(button) {
    if (sending) return;
    const data = new FormData(form);
    if (button && button.name) data.set(button.name, button.value);
    const consent = $('[name=consent]');
    if (consent && !consent.checked) {
      hush();
      consent.setAttribute('aria-invalid', 'true');
      trouble(word('consent').textContent);
      return consent.focus();
    }
    if ($('input.file')) data.delete($('input.file').name);
    if (button) button.setAttribute('aria-busy', 'true');
    const request = await send(data, null, async () => false), page = ours(request);
    if (button) button.removeAttribute('aria-busy');
    if (page && request.status !== 429 && request.status < 500) {
      if (consent && request.status < 400) sessionStorage.removeItem(agreement());
      return swap(request.response, true, true);
    }
    again(request, page, () => submit(button));
  }

  document.addEventListener('change', (event) => {
    const control = event.target;
    if (!control.closest('form.upload')) return;
    touched = true;
    if (control.matches('input.file')) chosen(control);
    if (control.name !== 'consent') return;
    control.removeAttribute('aria-invalid');
    sessionStorage.setItem(agreement(), control.checked ? 'yes' : '');
  });

  let pressed = null; // of old browsers, which do not say which button sends a form
  document.addEventListener('click', (event) => {
    pressed = event.target.closest('form.upload button');
    const link = event.target.closest('a[hreflang], a.return');
    if (!link || !holds() || confirm(word('leave').textContent)) return;
    event.preventDefault();
  });

  document.addEventListener('submit', (event) => {
    if (!event.target.matches('.upload')) {
      // A second press on Start would spend nothing more, but look broken.
      setTimeout(() => { for (const button of event.target.querySelectorAll('button')) button.disabled = true; });
      return;
    }
    event.preventDefault();
    if (shot && shot.next) return swap(shot.next, true, true);
    submit(event.submitter || pressed);
  });

  // A photo that has not arrived is lost with the page, so leaving asks first.
  const holds = () => !!shot && !!shot.file && !shot.next;
  function stay(event) {
    if (!holds()) return;
    event.preventDefault();
    event.returnValue = '';
  }

  // Coming back by the browser's button shows the step that the address names.
  addEventListener('pageshow', (event) => {
    if (event.persisted) for (const button of document.querySelectorAll('.start button')) button.disabled = false;
  });
  addEventListener('popstate', () => location.reload());

  // ---- News

  // Puts a page's main part in place of ours. Who was in it, or has just sent,
  // is led to what matters first; a screen reader tells others.
  function swap(page, lead, step) {
    const fresh = page.querySelector('main'), held = main.contains(document.activeElement);
    for (const image of main.querySelectorAll('.preview img')) URL.revokeObjectURL(image.src);
    main.replaceWith(document.adoptNode(fresh));
    main = fresh;
    document.title = page.title;
    touched = false;
    const url = main.dataset.url;
    if (url && url !== location.pathname + location.search) history[step ? 'pushState' : 'replaceState'](null, '', url);
    const tongues = document.querySelector('.tongues'), others = page.querySelector('.tongues');
    if (tongues && others) tongues.replaceWith(document.adoptNode(others));
    enhance();
    if (lead) scrollTo(0, 0);
    if (lead || held) ($('.summary') || $('h1')).focus({ preventScroll: !$('.summary') });
    else say($('h1').textContent);
    plan();
  }

  function plan() {
    clearTimeout(timer);
    if (!main.dataset.newsUrl || document.hidden) return;
    timer = setTimeout(look, main.dataset.every * 1000);
  }

  async function look() {
    const before = main, idle = () => !shot && !sending && main === before; // not under a photo
    try {
      if (idle()) {
        const answer = await fetch(main.dataset.newsUrl, { cache: 'no-store', headers: { Accept: 'text/html' } });
        const over = answer.status >= 400 && answer.status < 500 && answer.status !== 429;
        if (answer.status === 200 || over) {
          const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
          const fresh = page.querySelector('main[data-page]');
          // A touched page gives way to another one only.
          const same = (name) => fresh.dataset[name] === main.dataset[name];
          if (idle() && fresh && !(touched && same('page') && same('stage'))) return swap(page);
          if (idle() && fresh) main.dataset.newsUrl = fresh.dataset.newsUrl;
        }
      }
    } catch { /* no connection: the next look may have one */ }
    plan();
  }

  document.addEventListener('visibilitychange', () => { if (document.hidden) clearTimeout(timer); else look(); });
  enhance();
  plan();
})();
