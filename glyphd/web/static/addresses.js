// The addresses of this service: scripts are two folders below its root, whatever prefix a proxy adds.

export const own = (path) => new URL(`../../${path}`, import.meta.url);
