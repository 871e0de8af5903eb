# ruby netsmtp.rb PORT TO [USER PASSWORD [MECHANISM]]: Ruby's Net::SMTP with its defaults.
require 'net/smtp'

port, to, user, password, mechanism = ARGV
Net::SMTP.start('127.0.0.1', port.to_i, 'app.example', user, password, mechanism&.to_sym) do |smtp|
  smtp.send_message "Subject: hello\r\n\r\nIt works.\r\n", 'app@app.example', to
end
