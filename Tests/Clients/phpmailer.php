<?php // php phpmailer.php PORT TO [USER PASSWORD]: PHPMailer with its defaults.
require '/usr/share/php/libphp-phpmailer/autoload.php';

$mail = new PHPMailer\PHPMailer\PHPMailer(true);
$mail->isSMTP();
[$mail->Host, $mail->Port] = ['127.0.0.1', (int) $argv[1]];
if (isset($argv[3])) {
    [$mail->SMTPAuth, $mail->Username, $mail->Password] = [true, $argv[3], $argv[4]];
}
$mail->setFrom('app@app.example');
$mail->addAddress($argv[2]);
[$mail->Subject, $mail->Body] = ['hello', 'It works.'];
$mail->send();
