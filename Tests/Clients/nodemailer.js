// node nodemailer.js PORT TO [USER PASSWORD]: Nodemailer with its defaults.
const nodemailer = require('nodemailer')

const [port, to, user, pass] = process.argv.slice(2)
const options = { host: '127.0.0.1', port: Number(port) }
if (user !== undefined) options.auth = { user, pass }
nodemailer.createTransport(options)
  .sendMail({ from: 'app@app.example', to, subject: 'hello', text: 'It works.' })
  .catch(error => { console.error(error.message); process.exitCode = 1 })
