"""python3 python.py PORT TO [USER PASSWORD [MECHANISM]]: Python's smtplib with its defaults."""

import smtplib
import sys

port, to, *login = sys.argv[1:]
with smtplib.SMTP("127.0.0.1", int(port)) as smtp:
    if len(login) == 3:
        smtp.user, smtp.password = login[:2]
        smtp.ehlo()
        mechanism = login[2].replace("-", "_").lower()
        smtp.auth(login[2], getattr(smtp, "auth_" + mechanism), initial_response_ok=False)
    elif login:
        smtp.login(*login)
    smtp.sendmail("app@app.example", [to], "Subject: hello\r\n\r\nIt works.\r\n")
