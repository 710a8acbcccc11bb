"""Hostile names, values, paths, queries and bodies."""

from urllib.parse import quote

from tests.http.forms import BOUNDARY, Part

CSV = b"model,price_usd,score\nA,1,0.5\n"
UNKNOWN = "550e8400-e29b-41d4-a716-446655440000"

CONTENT_TYPES = [
    "",
    ";",
    "/",
    "text",
    "text/csv;",
    "text/csv; charset=utf-16",
    "text/csv; charset=\x00",
    "TEXT/CSV",
    'text/csv; boundary="',
    "text/csv, text/csv",
    "multipart/form-data",
    "multipart/form-data; boundary=",
    'multipart/form-data; boundary="',
    "multipart/form-data; boundary=\x00",
    "multipart/form-data; boundary=\u00e9\u00ff",
    "multipart/form-data; boundary=" + "x" * 5000,
    "multipart/form-data; boundary=a; boundary=b",
    "multipart/mixed; boundary=a",
    "application/json; charset=\ud7ff".encode().decode("latin-1"),
    "application/json; charset=utf-16",
    "application/x-www-form-urlencoded",
    "x" * 8000,
    "; filename*=utf-8''%ff%00",
]
INJECTIONS = [
    "' OR '1'='1",
    "'; DROP TABLE scored_listings; --",
    '" OR ""="',
    "%' OR 1=1 --",
    "\\' OR 1=1 --",
    "1) UNION SELECT sql FROM sqlite_master --",
    "${7*7}{{7*7}}%s%d%n",
    "\x00",
    "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
    "\r\nX-Injected: yes",
    "9" * 30,
    "-" + "9" * 30,
    "1e999",
    "\u202e\ufeff\u0000",
    "x" * 3000,
]
NAMES = {
    "a path": "../../../etc/passwd",
    "a path of Windows": "..\\..\\windows\\system32\\offers.csv",
    "an absolute path": "/etc/cron.d/offers.csv",
    "a folder": "..",
    "a NUL": "offers\0.csv",
    "ten thousand characters": "x" * 10_000 + ".csv",
    "any script": "报价 ✓ é\u0301 \U0001f600.csv",
    "a switched direction": "offers\u202evsc.exe",
    "quotes": 'a";b="c.csv',
    "a header": "a\r\nSet-Cookie: owned=1\r\n\r\n<script>.csv",
    "a header by another line end": "a\u2028Set-Cookie: owned=1\x0b\x0c\x85.csv",
    "percents": "%2e%2e%2f%00%0d%0a.csv",
    "a formula": "=cmd|' /C calc'!A0",
    "dots and blanks": " . . ",
    "nothing": "",
}


PATHS = [
    "/api/imports/..%2f..%2fetc%2fpasswd",
    "/api/imports/../../etc/passwd",
    "/api/imports/%00",
    "/api/imports/%ff%fe",
    "/api/imports/%c0%ae%c0%ae/file",
    "/api/imports/%ED%A0%80",
    f"/api/imports/{'9' * 30}",
    f"/api/imports/{'x' * 5000}",
    f"/api/imports/{UNKNOWN}%00/file",
    f"/api/imports/{UNKNOWN}/../{UNKNOWN}/file",
    f"/api/imports/{UNKNOWN}%2ffile",
    f"/api/imports/{UNKNOWN}/file%0d%0aX-Injected:%20yes",
    f"/api/imports/{quote(INJECTIONS[1])}",
    f"/api/imports/{quote(INJECTIONS[1])}/errors",
    f"/api/imports/{quote(INJECTIONS[1])}/cancel",
    f"/api/imports/{UNKNOWN}.errors.1.ndjson/file",
    f"/api/listings/{'0' * 31}g",
    "/api/listings/%00",
    "/api/listings/-1/history",
    "//evil.example/api/listings",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/api/%252e%252e%252f",
    "/\r\nX-Injected: yes",
    "",
    "*",
    "/api//imports",
    "/api/imports/",
    "http://evil.example/",
]


QUERIES = [
    "&".join(f"model={number}" for number in range(200)),
    "&".join(f"model={number}" for number in range(201)),
    "&" * 20_000,
    "=" * 20_000,
    "%" * 1000,
    "%ff=%fe",
    "model=%ff",
    "model=%ED%A0%80",
    "model=%00",
    "%00=1",
    "=",
    "=1",
    "limit=" + "9" * 30,
    "limit=-1",
    "limit=1e3",
    "limit=%D9%A1",
    "min_score=" + "9" * 4000,
    "min_vram_gb=" + "9" * 4000,
    "min_price=0x10",
    "after=" + "9" * 4000,
    "after=9999-12-31T23:59:59-23:59",
    "after=0001-01-01T00:00:00%2B23:59",
    "cursor=" + "A" * 20_000,
    "cursor=%00",
    "cursor=é",
    "cursor=" + "W1tb" * 4000,
    "fields=" + ",".join(["model"] * 3000),
    "fields=model,%00",
    "fields=,,,",
    "sort=-",
    "format=../../etc/passwd",
    "model[]=1&model[$ne]=2",
    "é=1",
    "model=1;region=2",
]


HOSTILE_VALUES = [
    "",
    "\x00",
    "a\x01b",
    "\xff\xfe",
    "x" * 8000,
    "é\u0080",
    "*" * 500,
    ",;=,;=" * 500,
    "%0d%0aX: y",
]


BOMBS = {
    "deep arrays": b"[" * 100_000,
    "closed deep arrays": b"[" * 50_000 + b"]" * 50_000,
    "deep objects": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "a deep array as a value": b'[{"model":"A","price_usd":1,"score":1,"heuristics":'
    + b"[" * 150
    + b"]" * 150
    + b"}]",
    "a huge integer": b'[{"model":"A","price_usd":' + b"9" * 100_000 + b',"score":1}]',
    "a huge integer for an integer": b'[{"model":"A","price_usd":1,"score":1,"vram_gb":'
    + b"9" * 4301
    + b"}]",
    "a huge integer nobody asked for": b'[{"model":"A","price_usd":1,"score":1,"x":'
    + b"9" * 4301
    + b"}]",
    "a huge integer among heuristics": b'[{"model":"A","price_usd":1,"score":1,"heuristics":['
    + b"9" * 4301
    + b"]}]",
    "a huge exponent": b'[{"model":"A","price_usd":1e999999999,"score":-1E-999999999}]',
    "not numbers": b'[{"model":"A","price_usd":NaN,"score":-Infinity}]',
    "duplicate keys": b'[{"model":"A","model":"B","price_usd":1,"price_usd":-1,"score":1}]',
    "keys that mean one column": b'[{"model":"A","Model":"B","MODEL":"C","price_usd":1,"score":1}]',
    "very many keys that mean one column": b'[{"model":"A"'
    + b"".join(b',"x%s%d":1,"X%d":1' % (b"." * 3, at, at) for at in range(30_000))
    + b"}]",
    "a lone surrogate": b'[{"model":"\\ud800","price_usd":1,"score":1}]',
    "a lone surrogate in a key": b'[{"\\udfff":1,"model":"A","price_usd":1,"score":1}]',
    "a lone surrogate among heuristics": b'[{"model":"A","price_usd":1,"score":1,'
    b'"heuristics":{"\\ud800":"\\udc00"}}]',
    "a NUL": b'[{"model":"A\\u0000","price_usd":1,"score":1,"heuristics":"\\u0000"}]',
    "invalid UTF-8": b'[{"model":"\xff","price_usd":1,"score":1}]',
    "UTF-16": '[{"model":"A","price_usd":1,"score":1}]'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf[]",
    "cut short": b'[{"model":"A"',
    "two values": b"[] []",
    "a number": b"1",
    "a string": b'"' + b"x" * 100_000 + b'"',
    "null": b"null",
    "rows that are none": b'[null,1,true,[],{},"x"]',
    "values of other types": b'[{"model":{"a":[1]},"price_usd":[1],"score":{},'
    b'"seen_at":{},"nvlink":[],"quantity":[]}]',
    "a csv that is deep": b'{"csv":' + b"[" * 100_000,
    "a csv of a lone surrogate": b'{"csv":"model,price_usd,score\\n\\ud800,1,0.5\\n"}',
    "a csv of NULs": b'{"csv":"model,price_usd,score\\n\\u0000,1,0.5\\n"}',
    "a name of a lone surrogate": b'{"csv":"model,price_usd,score\\nA,1,0.5\\n",'
    b'"filename":"\\ud800.csv"}',
    "a thousand members nobody knows": b'{"csv":"x"'
    + b"".join(b',"%s%d":1' % (b"y" * 50, at) for at in range(20_000))
    + b"}",
}


def _part(headers: bytes, data: bytes = CSV) -> bytes:
    boundary = BOUNDARY.encode()
    return (
        b"--" + boundary + b"\r\n" + headers + b"\r\n\r\n" + data + b"\r\n--" + boundary + b"--\r\n"
    )


DISPOSITION = b'Content-Disposition: form-data; name="file"; filename="a.csv"'
FORMS = {
    "thousands of parts": b"".join(Part(f"x{at}", b"").encoded() for at in range(5000)),
    "thousands of headers": _part(
        DISPOSITION + b"".join(b"\r\nX-%d: y" % at for at in range(5000))
    ),
    "a header of a megabyte": _part(DISPOSITION + b"\r\nX: " + b"y" * 1_000_000),
    "a header without an end": b"--" + BOUNDARY.encode() + b"\r\nX: " + b"y" * 1_000_000,
    "a name of 100 kB": _part(b'Content-Disposition: form-data; name="' + b"x" * 100_000 + b'"'),
    "no disposition": _part(b"Content-Type: text/csv"),
    "another disposition": _part(b'Content-Disposition: attachment; name="file"'),
    "two dispositions": _part(DISPOSITION + b"\r\n" + DISPOSITION),
    "no name": _part(b"Content-Disposition: form-data"),
    "a header without a colon": _part(DISPOSITION + b"\r\nnonsense"),
    "a folded header": _part(b'Content-Disposition: form-data;\r\n name="file"'),
    "a NUL in a header": _part(DISPOSITION + b"\r\nX\0: y\0"),
    "not UTF-8 in a header": _part(
        b'Content-Disposition: form-data; name="file"; filename="\xff\xfe.csv"'
    ),
    "a length of its own": _part(DISPOSITION + b"\r\nContent-Length: 99999999999"),
    "a transfer encoding of its own": _part(DISPOSITION + b"\r\nContent-Transfer-Encoding: base64"),
    "another charset": _part(DISPOSITION + b'\r\nContent-Type: text/csv; charset="utf-16"'),
    "a charset nobody knows": _part(
        DISPOSITION + b'\r\nContent-Type: text/csv; charset="\0klingon"'
    ),
    "a form in the form": _part(
        DISPOSITION + b"\r\nContent-Type: multipart/mixed; boundary=b", b"--b\r\n\r\nx\r\n--b--"
    ),
    "a preamble": b"nonsense\r\n" * 1000 + _part(DISPOSITION),
    "a preamble without an end": b"\r\n" * 100_000,
    "an epilogue": _part(DISPOSITION) + b"nonsense" * 1000,
    "two forms": _part(DISPOSITION) * 2,
    "bare line feeds": _part(DISPOSITION).replace(b"\r\n", b"\n"),
    "boundaries alone": (b"--" + BOUNDARY.encode() + b"\r\n") * 5000,
    "an end alone": b"--" + BOUNDARY.encode() + b"--",
}
