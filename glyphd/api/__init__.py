"""HTTP: routes, bodies, answers and problems. The only part that knows Bottle."""
