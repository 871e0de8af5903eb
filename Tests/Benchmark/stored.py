"""Mailboxes to measure with."""
import os
import random
import time

WORDS = [a + b for a in "ba be bi bo bu da de di do du ga ge gi go gu la le li lo lu".split()
         for b in "rt nd st mp lk rs nt ck sh ft".split()]


def make(folder, count):
    """COUNT messages, a third of them with HTML; a rare word in one of 1000, a common one in all but one of 50."""
    chance = random.Random(1)
    for number in range(count):
        text = "\r\n".join(" ".join(chance.choice(WORDS) for _ in range(11)) for _ in range(17))
        text += "\r\n" + ("" if number % 50 == 0 else "common ") + ("needle" if number % 1000 == 7 else "") + "\r\n"
        head = ("Return-Path: <sender%d@a.example>\r\nReceived: from a.example ([192.0.2.1])\r\n\tby mail.example.org with "
                "ESMTP id %016x;\r\n\tSun, 22 Nov 2026 06:54:12 +0000\r\nFrom: Sender %d <sender%d@a.example>\r\n"
                "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=a.example;\r\n\tb=%s\r\nTo: rcpt%d@example.org\r\n"
                "Subject: message %d about %s\r\nMessage-ID: <%d@a.example>\r\n"
                % (number % 20, number, number % 20, number % 20, "A" * 344, number % 50, number, chance.choice(WORDS),
                   number))
        if number % 3:
            mail = head + "\r\n" + text + text
        else:
            mail = (head + "MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\n" + text
                    + "--b\r\nContent-Type: text/html\r\n\r\n<p>" + text.replace("\r\n", "<br>\r\n") + "</p>\r\n--b--\r\n")
        seconds = 1790000000 + number * 7
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(seconds)) + ".%06dZ" % (number % 1000000)
        name = "%s-%016x-rcpt%d@example.org.eml" % (stamp, chance.getrandbits(64), number % 50)
        with open(os.path.join(folder, name), "wb") as file:
            file.write(mail.encode())
