// Loads an applicant's link in the frame and follows the stage of the check.
'use strict';
const frame = document.getElementById('kyc'), stage = document.getElementById('stage');

// Your server makes the link (`starter link`, or a notification has it) for the
// customer who is logged in. This example takes it from behind the # of its
// address, which browsers send to no server.
const link = new URL(decodeURIComponent(location.hash.slice(1)));

// A message from any other origin is not the portal's. The message has the name
// of the page or the status, and nothing else of the case.
addEventListener('message', (event) => {
  if (event.origin !== link.origin || event.source !== frame.contentWindow) return;
  if (event.data && event.data.type === 'kyc.stage') stage.textContent = `Stage: ${event.data.stage}`;
});
frame.src = link;
