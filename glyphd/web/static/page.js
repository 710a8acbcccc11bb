// What every page does when scripts run; all of it works without them too.

import { explainMoments } from "./moments.js";
import { keepFresh } from "./freshness.js";
import { followPointer } from "./crosshair.js";

explainMoments(document);
keepFresh();
document.querySelectorAll("figure.chart-of").forEach(followPointer);
