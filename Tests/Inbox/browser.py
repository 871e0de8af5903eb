"""A headless Chromium for the tests of the inbox page, and how they press, look and wait in it."""

import time

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

FAULTS = ("Content Security Policy", "TrustedScript", "TrustedHTML", "Uncaught", "TypeError", "ReferenceError", "SyntaxError")


class Browser:
    def __init__(self, url, width=1440, height=900, dark=False, axe=None):
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars", "--lang=en-GB",
                         "--disable-background-networking", "--disable-component-update", "--no-first-run"):
            options.add_argument(argument)
        options.add_experimental_option("prefs", {"intl.accept_languages": "en-GB"})
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
        self.driver.set_page_load_timeout(20)
        self.driver.set_script_timeout(20)
        self.url, self.axe, self.faults = url, axe, []
        # What the page says to its own window is kept: a script of a mail that ran would say "ran N".
        self.command("Page.addScriptToEvaluateOnNewDocument", {
            "source": "window.heard=[];addEventListener('message',e=>heard.push(String(e.data)));"})
        self.resize(width, height)
        self.scheme(dark)

    def command(self, name, values):
        return self.driver.execute_cdp_cmd(name, values)

    def resize(self, width, height):
        self.command("Emulation.setDeviceMetricsOverride",
                     {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500})

    def scheme(self, dark):
        self.command("Emulation.setEmulatedMedia", {"features": [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce"}]})

    def open(self, path=""):
        self.driver.get(self.url + path)
        self.wait("the list", lambda: self.script("return document.querySelector('.row:not(.waiting), .empty:not([hidden])') !== null"))

    def script(self, text, *arguments):
        return self.driver.execute_script(text, *arguments)

    def wait(self, what, condition, seconds=10):
        """A bound for a hang, not a measure."""
        end = time.monotonic() + seconds
        while True:
            try:
                value = condition()
                if value:
                    return value
            except StaleElementReferenceException:
                pass
            if time.monotonic() > end:
                raise AssertionError(f"did not come: {what}")
            time.sleep(0.05)

    def find(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def texts(self, selector):
        return self.script("return [...document.querySelectorAll(arguments[0])].map(e=>e.textContent)", selector)

    def text(self, selector):
        return self.script("return document.querySelector(arguments[0])?.textContent ?? ''", selector)

    def click(self, selector):
        self.wait(selector, lambda: self.all(selector))
        self.find(selector).click()

    def press(self, *keys):
        ActionChains(self.driver).send_keys(*keys).perform()

    def row(self, subject):
        """Clicks the row with this subject."""
        self.wait(f"the row {subject}", lambda: self.script(
            "const row=[...document.querySelectorAll('.row a')].find(a=>a.querySelector('.subject')?.textContent.includes(arguments[0]));"
            "row?.click();return row!==undefined", subject))
        self.wait(f"the message {subject}", lambda: subject in self.text(".about h1"))

    def go(self, path):
        """Changes what is shown, as a link of the page does."""
        self.script("history.pushState(null,'',arguments[0]);dispatchEvent(new PopStateEvent('popstate'))", path)

    def has_focus(self, selector):
        return self.script("return document.activeElement?.matches(arguments[0]) ?? false", selector)

    def collect(self):
        """Keeps what the console says of faults. A frame's policy refuses the mail's content: that is no fault."""
        for entry in self.driver.get_log("browser"):
            text = entry["message"]
            if "/view/" in text.split(" ")[0] or "about:srcdoc" in text:
                continue
            if any(word in text for word in FAULTS):
                self.faults.append(text[:400])
        return self.faults

    def violations(self):
        """What axe-core finds. Frames are the mail's, not the page's."""
        if not self.script("return window.axe !== undefined"):
            self.command("Runtime.evaluate", {"expression": self.axe})
        found = self.driver.execute_async_script("""
            const done = arguments[arguments.length - 1];
            axe.run(document, {iframes: false, resultTypes: ["violations"]})
              .then(result => done(result.violations.map(v => v.id + ": " + v.help + " " +
                v.nodes.slice(0, 3).map(n => n.target.join(" ") + " " + (n.any[0]?.message ?? "")).join(" | "))),
              error => done(["axe: " + error]));""")
        return found

    def picture(self, path):
        self.driver.save_screenshot(path)

    def close(self):
        self.collect()
        self.driver.quit()


def unused_port():
    import socket
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


