#!/usr/bin/env python3
"""report.py MESSAGE: what Python's email finds in a delivery report (RFC 3464), a line each: fields of the header, the
type of each part, and each field of each group of the delivery status, with the number of the group in front. Fails if
it is no such report."""
import email
import email.policy
import sys

with open(sys.argv[1], "rb") as file:
    octets = file.read()
assert octets.count(b"\n") == octets.count(b"\r\n") == octets.count(b"\r"), "a bare CR or LF"
assert max(len(line) for line in octets.split(b"\r\n")) <= 998, "a line is too long"
message = email.message_from_bytes(octets, policy=email.policy.default)
assert not message.defects, message.defects
assert message.get_content_type() == "multipart/report"
assert message.get_param("report-type") == "delivery-status"
for name in ("from", "to", "subject", "auto-submitted", "in-reply-to", "references"):
    print("%s: %s" % (name, " ".join(str(message[name]).split())))
assert message["date"].datetime and message["message-id"]
text, status, original = message.iter_parts()
for part in (text, status, original):
    assert not part.defects, part.defects
    print("part: %s %s" % (part.get_content_type(), part["content-transfer-encoding"]))
if status.get_content_type() == "message/delivery-status":
    groups = status.get_payload()
else:
    # Python knows no message/global-delivery-status.
    raw = status.as_bytes().split(b"\n\n", 1)[1]
    groups = [email.message_from_bytes(group, policy=email.policy.default.clone(utf8=True))
              for group in raw.split(b"\n\n") if group.strip()]
for number, group in enumerate(groups):
    for name, value in group.items():
        print("%d %s: %s" % (number, name, " ".join(str(value).split())))
print("text:")
print(text.get_content().replace("\r\n", "\n"))
print("original:")
if original.get_content_type() == "message/rfc822":
    print(original.get_payload(0).as_string())
elif original.get_content_maintype() == "message":
    print(original.as_bytes().split(b"\n\n", 1)[1].decode())
else:
    print(original.get_payload(decode=True).decode())
