# perl netsmtp.pl PORT TO [USER PASSWORD]: Perl's Net::SMTP with its defaults.
use strict;
use warnings;
use Net::SMTP;

my ($port, $to, @login) = @ARGV;
my $smtp = Net::SMTP->new('127.0.0.1', Port => $port) or die "$@\n";
!@login or $smtp->auth(@login) or die $smtp->message;
$smtp->mail('app@app.example') or die $smtp->message;
$smtp->to($to) or die $smtp->message;
$smtp->data("Subject: hello\n\nIt works.\n") or die $smtp->message;
$smtp->quit;
