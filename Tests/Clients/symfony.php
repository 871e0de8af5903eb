<?php // php symfony.php DSN TO: Symfony's Mailer with its defaults.
require '/usr/share/php/Symfony/Component/Mailer/autoload.php';

use Symfony\Component\Mailer\Mailer;
use Symfony\Component\Mailer\Transport;
use Symfony\Component\Mime\Email;

$email = (new Email())->from('app@app.example')->to($argv[2])->subject('hello')->text('It works.');
(new Mailer(Transport::fromDsn($argv[1])))->send($email);
