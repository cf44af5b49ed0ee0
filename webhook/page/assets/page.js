// Makes the page kinder; everything works without it. Three things: photos are
// shown and checked before they are sent, sending shows how far it is and loses
// nothing, and news comes by itself. All words are in the page: see #words.
'use strict';
(() => {
  const root = document.documentElement, live = document.getElementById('live');
  let main = document.querySelector('main'), touched = false, sending = false, timer = 0, wait = 0;
  root.classList.add('js');

  const word = (name) => main.querySelector('#words').content.querySelector(`[data-word="${name}"]`).cloneNode(true);
  const say = (text) => { live.textContent = ''; requestAnimationFrame(() => { live.textContent = text; }); };

  // ---- Photos

  // Puts what only the script can do beside every file field.
  function enhance() {
    for (const input of main.querySelectorAll('input.file')) {
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
  }

  // What is wrong with a file, as far as it can be told without opening it.
  function wrong(file, limits) {
    const kind = file.type, name = file.name.toLowerCase();
    if (file.size === 0) return 'empty';
    if (kind === 'application/pdf' || name.endsWith('.pdf')) return 'pdf';
    if (/hei[cf]/.test(kind) || /\.hei[cf]$/.test(name)) return 'heic';
    if (kind && kind !== 'image/jpeg' && kind !== 'image/png') return 'other_kind';
    if (limits.maxBytes > 0 && file.size > limits.maxBytes) return 'too_large';
    return '';
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

  function chosen(input) {
    const side = input.closest('.side'), file = input.files[0], limits = input.form.dataset;
    const again = side.querySelector('.pick label'), old = side.querySelector('.preview');
    if (old) { URL.revokeObjectURL(old.querySelector('img').src); old.remove(); }
    for (const said of side.querySelectorAll('.problem, .doubt, .kept')) said.remove();
    mark(input, '');
    if (!file) return;
    const refuse = (code) => {
      const sentence = word('refusal.' + code).textContent;
      input.value = '';
      mark(input, sentence);
      say(sentence);
    };
    const code = wrong(file, limits);
    if (code) return refuse(code);
    const preview = word('preview'), image = preview.querySelector('img');
    image.alt = `${word('alt').textContent}: ${side.querySelector('.name').innerText}`;
    image.onload = () => {
      const edge = Math.min(image.naturalWidth, image.naturalHeight), pixels = image.naturalWidth * image.naturalHeight;
      const code = edge < limits.minEdge ? 'too_small' : limits.maxPixels > 0 && pixels > limits.maxPixels ? 'too_many_pixels' : '';
      if (code) { preview.remove(); refuse(code); } else say(`${side.querySelector('.name').innerText}: ${preview.innerText}`);
    };
    image.onerror = () => { preview.remove(); refuse('broken'); };
    image.src = URL.createObjectURL(file);
    input.after(preview);
    again.textContent = word('again').textContent;
  }

  document.addEventListener('change', (event) => {
    const control = event.target;
    if (!control.closest('form.upload')) return;
    touched = true;
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

  function send(form) {
    const data = new FormData(form), button = form.querySelector('.send'), progress = word('progress');
    for (const input of form.querySelectorAll('input.file')) if (!seen(input) || !input.files[0]) data.delete(input.name);
    for (const old of form.querySelectorAll('.retry')) old.remove();
    const bar = progress.querySelector('progress'), label = progress.querySelector('label');
    button.disabled = sending = true;
    button.before(progress);
    say(label.textContent);
    const failed = (sentence) => {
      const retry = word('retry');
      button.disabled = sending = false;
      progress.remove();
      retry.querySelector('p').textContent = sentence || word('lost').textContent;
      retry.querySelector('button').addEventListener('click', () => form.requestSubmit());
      button.before(retry);
      retry.querySelector('button').focus();
    };
    const request = new XMLHttpRequest();
    request.open('POST', form.action);
    request.responseType = 'document';
    request.timeout = 300000;
    request.upload.onprogress = (event) => {
      if (!event.lengthComputable) return;
      bar.value = event.loaded / event.total * 100;
      if (event.loaded === event.total) { label.textContent = word('late').textContent; say(label.textContent); }
    };
    request.onload = () => {
      const fresh = request.response && request.response.querySelector('main');
      // Too fast, or we are down: the photos stay chosen.
      if (!fresh || request.status === 429 || request.status >= 500) {
        return failed(fresh && [...fresh.querySelectorAll('.banner p')].map((p) => p.textContent).join(' '));
      }
      sending = false;
      swap(request.response, true);
    };
    request.onerror = request.ontimeout = request.onabort = () => failed('');
    request.send(data);
  }

  document.addEventListener('submit', (event) => {
    const form = event.target;
    if (!form.matches('.upload')) {
      // A second press on Start would spend nothing more, but look broken.
      setTimeout(() => { for (const button of form.querySelectorAll('button')) button.disabled = true; });
      return;
    }
    event.preventDefault();
    if (sending) return;
    const bad = unready(form);
    if (!bad) return send(form);
    bad.focus();
    say(document.getElementById(bad.id + '-problem').textContent);
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
          if (idle() && main === before && page.querySelector('main')) return swap(page);
        }
      }
    } catch { /* no connection: the next look may have one */ }
    plan();
  }

  document.addEventListener('visibilitychange', () => { wait = 0; plan(); });
  enhance();
  plan();
})();
