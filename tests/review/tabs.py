"""One tab of a driven Chromium: opening, looking, waiting, clicking, typing, and what the page said meanwhile.

The browser itself, and what is promised of it, is in ``chromium``.
"""

import base64
import json
import time
from dataclasses import dataclass, field

POLL_S = 0.05
MODIFIERS = {"alt": 1, "ctrl": 2, "meta": 4, "shift": 8}
KEYS = {
    "Enter": ("Enter", 13, "\r"), "Tab": ("Tab", 9, ""), "Escape": ("Escape", 27, ""), "Backspace": ("Backspace", 8, ""),
    " ": ("Space", 32, " "), "ArrowLeft": ("ArrowLeft", 37, ""), "ArrowUp": ("ArrowUp", 38, ""), "Delete": ("Delete", 46, ""),
    "ArrowRight": ("ArrowRight", 39, ""), "ArrowDown": ("ArrowDown", 40, ""), "Home": ("Home", 36, ""), "End": ("End", 35, ""),
    "PageUp": ("PageUp", 33, ""), "PageDown": ("PageDown", 34, ""), "?": ("Slash", 191, "?"), "/": ("Slash", 191, "/"),
}  # fmt: skip
"""Keys that are no letter and no digit: their code, their virtual key code, and what they type."""


class Refused(AssertionError):
    """The browser refused a call."""


@dataclass
class Seen:
    """What one page told of itself."""

    url: str = "about:blank"
    console: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    """The URL of every request, those of other schemes too, since the page was opened."""
    loaded: set[str] = field(default_factory=set)


class Page:
    """One tab."""

    def __init__(self, browser, session, target):
        self._browser, self._session, self._target = browser, session, target
        self.seen = Seen()
        self.troubles = []
        """What scripts threw and what the policy refused; a test that provokes some takes them out."""

    def begin(self, size):
        """Have it tell what it does."""
        for domain in ("Page", "Runtime", "Network", "Log", "Audits", "Accessibility"):
            self.call(f"{domain}.enable")
        self.call("Page.setLifecycleEventsEnabled", enabled=True)
        self.call("Emulation.setFocusEmulationEnabled", enabled=True)
        self.size(*size)

    def call(self, method, **params):
        """A call to this tab."""
        return self._browser.call(method, self._session, **params)

    def take(self, event, facts):
        """Note an event."""
        match event:
            case "Runtime.exceptionThrown":
                self.troubles.append(f"uncaught: {_thrown(facts['exceptionDetails'])}")
            case "Runtime.consoleAPICalled":
                words = [str(one.get("value", one.get("description", ""))) for one in facts["args"]]
                self.seen.console.append(f"{facts['type']}: {' '.join(words)}")
            case "Log.entryAdded":
                entry = facts["entry"]
                told = f"{entry['level']}: {entry['text']} {entry.get('url', '')}"
                self.seen.console.append(told)
            case "Audits.issueAdded" if (
                "contentSecurityPolicyIssueDetails" in facts["issue"]["details"]
            ):
                found = facts["issue"]["details"]["contentSecurityPolicyIssueDetails"]
                what = found.get("blockedURL", found.get("contentSecurityPolicyViolationType"))
                self.troubles.append(f"policy: {found['violatedDirective']} forbids {what}")
            case "Network.requestWillBeSent":
                self.seen.requests.append(facts["request"]["url"])
            case "Network.webSocketCreated":
                self.seen.requests.append(facts["url"])
            case "Page.frameNavigated" if "parentId" not in facts["frame"]:
                self.seen.url = facts["frame"]["url"]
            case "Page.lifecycleEvent" if facts["name"] == "load":
                self.seen.loaded.add(facts["loaderId"])
            case "Page.javascriptDialogOpening":
                self.troubles.append(f"a dialog of the browser's: {facts['message']}")
                self._browser.send("Page.handleJavaScriptDialog", self._session, accept=True)
            case "Inspector.targetCrashed":
                self.troubles.append("the page crashed")

    # -- looking

    def goto(self, url, within_s=60.0):
        """Load *url*, anew even if only its fragment is another, and wait until that is done."""
        for address in ("about:blank", url):
            answer = self.call("Page.navigate", url=address)
            assert not answer.get("errorText"), f"{address}: {answer['errorText']}"
            loader = answer.get("loaderId")
            self.until(
                lambda loader=loader: loader in self.seen.loaded, f"{address} to load", within_s
            )

    def reload(self):
        """Load it anew."""
        before = len(self.seen.loaded)
        self.call("Page.reload")
        self.until(lambda: len(self.seen.loaded) > before, "the page to load again", 20.0)

    def evaluate(self, script, *given):
        """The value of an expression, or of a function called with *given*; of a promise, once it is kept."""
        if given:
            script = f"({script})({', '.join(map(json.dumps, given))})"
        return self._evaluate(script, returnByValue=True).get("value")

    def _evaluate(self, script, **params):
        asked = {"expression": script, "awaitPromise": True, "userGesture": True, **params}
        answer = self.call("Runtime.evaluate", **asked)
        if "exceptionDetails" in answer:
            raise Refused(f"{script[:200]}: {_thrown(answer['exceptionDetails'])}")
        return answer["result"]

    def wait_for(self, condition, why, within_s=60.0):
        """Wait until an expression is true, and give its value, of an element ``True``; while the page is being left it is not."""

        def holds():
            try:
                return self.evaluate(_VALUE_OF % condition)
            except Refused as error:
                if "context" in str(error):
                    return None
                raise

        return self.until(holds, why, within_s)

    def wait_for_text(self, text, within_s=60.0):
        """Wait until the page shows *text*."""
        condition = f"document.body.innerText.includes({json.dumps(text)})"
        self.wait_for(condition, f"the page to show {text!r}", within_s)

    def until(self, holds, why, within_s=60.0):
        """Wait until *holds()* gives something true, and give that."""
        until = time.monotonic() + within_s
        while not (value := holds()):
            assert time.monotonic() < until, (
                f"waited {within_s:g} s in vain for: {why}\n{self.tell()}"
            )
            self._browser.read(POLL_S)
        return value

    def tell(self):
        """What the page shows, for a failed test."""
        try:
            title, text = self.evaluate("[document.title, document.body?.innerText.slice(0, 500)]")
        except Refused as error:
            title, text = "", str(error)
        said = "\n".join([*self.troubles, *self.seen.console[-10:]])
        return f"at {self.seen.url} '{title}'\n--- text\n{text}\n--- console\n{said}"

    def screenshot(self):
        """What is seen, as PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])

    # -- doing

    def press(self, key, *modifiers):
        """Press and release a key (``KEYS``, a letter or a digit)."""
        code, virtual, text = KEYS[key] if key in KEYS else _letter(key)
        held = sum(MODIFIERS[one] for one in modifiers)
        if held & ~MODIFIERS["shift"]:
            text = ""
        told = {"key": key, "code": code, "windowsVirtualKeyCode": virtual, "modifiers": held}
        self.call(
            "Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **told
        )
        self.call("Input.dispatchKeyEvent", type="keyUp", **told)

    def type_text(self, text):
        """Type into what has the focus."""
        self.call("Input.insertText", text=text)

    def click(self, selector, *modifiers, within_s=60.0):
        """Click what *selector* finds first, once it can be clicked."""
        self._click(lambda: self._object(f"document.querySelector({json.dumps(selector)})"), selector, modifiers, within_s)  # fmt: skip

    def click_on(self, role, name, *modifiers, within_s=60.0):
        """Click what a screen reader calls this (``"button"``, ``"Pick"``), once it can be clicked."""
        self._click(lambda: self._called(role, name), f"{role} '{name}'", modifiers, within_s)

    def focus(self, selector):
        """Give what *selector* finds first the focus."""
        self.wait_for(f"document.querySelector({json.dumps(selector)})", f"{selector} to be there")
        self.evaluate("(one) => document.querySelector(one).focus()", selector)

    def _click(self, find, what, modifiers, within_s):
        def place():
            found = find()
            return found and self._point(found)

        x, y = self.until(place, f"{what} to be there and free to be clicked", within_s)
        held = sum(MODIFIERS[one] for one in modifiers)
        told = {"x": x, "y": y, "modifiers": held}
        self.call("Input.dispatchMouseEvent", type="mouseMoved", **told)
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **told)

    def _object(self, script):
        return self._evaluate(script).get("objectId")

    def _called(self, role, name):
        """The first that bears this role and name in the tree that assistive technology reads."""
        root = self._object("document")
        found = self.call(
            "Accessibility.queryAXTree", objectId=root, role=role, accessibleName=name
        )
        nodes = [one["backendDOMNodeId"] for one in found["nodes"] if not one["ignored"]]
        if not nodes:
            return None
        return self.call("DOM.resolveNode", backendNodeId=nodes[0])["object"]["objectId"]

    def _point(self, found):
        """Where to click it; None while it is not to be seen, cannot be used or something lies over it."""
        answer = self.call("Runtime.callFunctionOn", objectId=found, functionDeclaration=_FREE_POINT, returnByValue=True)  # fmt: skip
        return answer["result"].get("value")

    # -- what surrounds it

    def scheme(self, scheme, *, still=True):
        """Prefer ``light`` or ``dark``, and no movement."""
        wanted = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce" if still else "no-preference"}  # fmt: skip
        features = [{"name": name, "value": value} for name, value in wanted.items()]
        self.call("Emulation.setEmulatedMedia", features=features)

    def size(self, width, height, *, scale=1, mobile=False):
        """Be a window, or with *mobile* a phone, of this size."""
        told = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": mobile}
        self.call("Emulation.setDeviceMetricsOverride", **told)
        self.call("Emulation.setTouchEmulationEnabled", enabled=mobile)

    def told_to_readers(self):
        """What assistive technology is told: of each node that counts its role, name and properties."""
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        return [
            {
                "role": one["role"]["value"], "name": one.get("name", {}).get("value", ""),
                **{each["name"]: each["value"].get("value") for each in one.get("properties", ())},
            }
            for one in nodes if not one["ignored"]
        ]  # fmt: skip


_VALUE_OF = "(async () => { const value = await (%s); return value instanceof Node || value; })()"

_FREE_POINT = """function() {
  if (!this.isConnected || this.disabled) return null;
  this.scrollIntoView({block: "nearest", inline: "nearest", behavior: "instant"});
  const box = this.getBoundingClientRect();
  const x = box.x + box.width / 2, y = box.y + box.height / 2;
  const top = document.elementFromPoint(x, y);
  return box.width && box.height && top && (this.contains(top) || top.contains(this) && top.closest("label")) ? [x, y] : null;
}"""


def _letter(key):
    if len(key) != 1 or not (key.isalnum() and key.isascii()):
        raise ValueError(f"no such key: {key!r}")
    code = f"Digit{key}" if key.isdigit() else f"Key{key.upper()}"
    return code, ord(key.upper()), key


def _thrown(details):
    told = details.get("exception", {}).get("description") or details["text"]
    return f"{told} ({details.get('url', '')}:{details['lineNumber'] + 1})"
