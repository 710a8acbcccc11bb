"""One module for each screen, with one template of its own; `glyphd.web.site` lists them."""
