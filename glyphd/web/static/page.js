// What every page does if scripts are enabled; everything also works without them.

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
