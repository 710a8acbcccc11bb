// What every page does when scripts run; all of it works without them too.

import { explainMoments } from "./moments.js";
import { keepFresh } from "./freshness.js";
import { followPointer } from "./crosshair.js";
import { takeDrops } from "./drops.js";
import { sendFiles } from "./upload.js";

keepFresh();
explainMoments(document);
document.querySelectorAll("figure.chart-of").forEach(followPointer);
document.querySelectorAll("form[data-upload]").forEach(sendFiles);
takeDrops();
