// Shows times in the viewer's zone, and refreshes the page. Without it every page reads as well, in UTC.
'use strict';

const EVERY_MS = 20000;

function showTimes(root) {
  const zone = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
  for (const time of root.querySelectorAll('time[datetime]')) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    time.title = time.dateTime + ' (UTC)';
    time.textContent = zone.format(at);
  }
}

// A person who writes or has opened something is not disturbed.
function isBusy(main) {
  const active = document.activeElement;
  return document.hidden || main.querySelector('form[method=post]') !== null || (active !== null && main.contains(active));
}

async function refresh() {
  const main = document.querySelector('main');
  if (main === null || isBusy(main)) return;
  const answer = await fetch(location.href, { credentials: 'same-origin', redirect: 'manual' });
  if (!answer.ok) {
    document.body.dataset.stale = 'yes';
    return;
  }
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
  const next = page.querySelector('main');
  if (next === null || isBusy(main)) return;
  showTimes(next);
  main.replaceWith(document.adoptNode(next));
  delete document.body.dataset.stale;
}

showTimes(document);
if (document.body.dataset.refresh === 'yes') {
  setInterval(() => refresh().catch(() => { document.body.dataset.stale = 'yes'; }), EVERY_MS);
}
