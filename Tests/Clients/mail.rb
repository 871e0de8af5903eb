# ruby mail.rb PORT TO [USER PASSWORD]: the gem mail, which Rails sends with, with its defaults.
require 'mail'

port, to, user, password = ARGV
options = { address: '127.0.0.1', port: port.to_i }
options.update(user_name: user, password: password) if user
mail = Mail.new(from: 'app@app.example', to: to, subject: 'hello', body: 'It works.')
mail.delivery_method :smtp, options
mail.deliver!
