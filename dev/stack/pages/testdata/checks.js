// What access_test.go asks of every page. Each check returns what is wrong, one
// text each; none is good.
'use strict';
(() => {
  const controls = 'a[href], button, summary, input:not([type=hidden]), select, textarea';
  const seen = () => [...document.querySelectorAll(controls)].filter((e) =>
    e.checkVisibility({ checkVisibilityCSS: true }) && getComputedStyle(e).clipPath === 'none');
  const tag = (e) => e.outerHTML.slice(0, 120);
  const run = async (what) => (await axe.run(document, { runOnly: what, resultTypes: ['violations'], preload: false, iframes: false })).violations
    .map((v) => v.id + ': ' + v.nodes.map((n) => n.html.slice(0, 200) + ' ' + n.failureSummary).join(' | '));

  window.check = {
    // axe's rules of WCAG 2.2 AA, and its best practices.
    axe: () => run({ type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }),
    colours: () => run({ type: 'rule', values: ['color-contrast', 'target-size'] }),

    // 2.5.8: 24 x 24 CSS pixels.
    targets: () => seen().filter((e) => {
      const box = e.getBoundingClientRect();
      return box.width < 24 || box.height < 24;
    }).map(tag),

    // 1.4.10: nothing has to be scrolled sideways.
    reflow: () => {
      const page = document.documentElement, wide = page.scrollWidth > page.clientWidth;
      return wide ? [...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > page.clientWidth + 1)
        .map(tag).slice(0, 3) : [];
    },

    // 2.4.7 and 2.4.11: what has the focus shows it, and nothing lies over all of it.
    focus: () => seen().filter((e) => {
      e.focus({ focusVisible: true });
      const box = e.getBoundingClientRect(), shown = e.matches('.agree input') ? e.nextElementSibling : e;
      const over = (x, y) => {
        const top = document.elementFromPoint(box.left + box.width * x, box.top + box.height * y);
        return !top || !(e.contains(top) || top.contains(e) || (e.labels && [...e.labels].includes(top)));
      };
      return getComputedStyle(shown).outlineStyle === 'none' || [.1, .5, .9].every((y) => over(.5, y));
    }).map(tag),

    // Nothing moves for those who ask for no motion.
    still: () => document.getAnimations().map((a) => a.animationName || a.transitionProperty),

    // A page that says that something is wrong announces it.
    alerts: () => {
      const wrong = document.querySelector('[aria-invalid=true], .summary'), alert = document.querySelector('[role=alert]');
      return wrong && !(alert && alert.textContent.trim()) ? [tag(wrong)] : [];
    },

    // Where the system sets all colours, what can be pressed still has an edge.
    edges: () => [...document.querySelectorAll('.primary, .second, .choice, .agree label')]
      .filter((e) => e.checkVisibility() && parseFloat(getComputedStyle(e).borderTopWidth) < 1).map(tag),
  };
})();
