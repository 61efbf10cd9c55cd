/* On the portal's own origin the status page wears the theme chosen there; before it is painted. */
(() => {
  "use strict";
  const theme = /(?:^|; )theme=(light|dark)/.exec(document.cookie);
  if (theme) document.documentElement.dataset.theme = theme[1];
})();
