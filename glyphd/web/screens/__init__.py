"""One module for each screen, with its own template; `glyphd.web.site` lists them."""
