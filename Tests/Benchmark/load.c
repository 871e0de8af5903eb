// The client of the benchmark. CONNECTIONS processes hold SESSIONS sessions with a server on loopback.
// Each session delivers MESSAGES messages of SIZE octets to RECIPIENTS recipients. It waits for the
// reply to each command, or pipelines them (RFC 2920) if "pipelined" is given.
//
// It prints the seconds that everything took, and the median time in microseconds from a MAIL command
// to the 250 of its message. An unexpected reply ends it with an error.
//
//     load PORT CONNECTIONS SESSIONS MESSAGES SIZE RECIPIENTS [pipelined]

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// Seconds until the client gives a server up.
enum { patience = 120 };

static int port, messages, size, recipients, isPipelined;
static char *content;
static size_t contentLength;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void fail(const char *what, const char *reply) {
  fprintf(stderr, "load: %s: %s\n", what, reply);
  exit(1);
}

static void sendAll(int server, const char *octets, size_t count) {
  while (count > 0) {
    ssize_t sent = send(server, octets, count, MSG_NOSIGNAL);
    if (sent <= 0) fail("send", "the connection has ended");
    octets += sent;
    count -= (size_t)sent;
  }
}

static char received[65536];
static size_t receivedCount;

// Reads a reply, which may have several lines, and fails if its first digit is another one.
static void expect(int server, char digit, const char *what) {
  for (;;) {
    char *end;
    while (!(end = memchr(received, '\n', receivedCount))) {
      ssize_t count =
        recv(server, received + receivedCount, sizeof received - receivedCount, 0);
      if (count <= 0) fail(what, "the connection has ended");
      receivedCount += (size_t)count;
    }
    int isLast = received[3] != '-';
    if (*received != digit) {
      *end = 0;
      fail(what, received);
    }
    receivedCount -= (size_t)(end + 1 - received);
    memmove(received, end + 1, receivedCount);
    if (isLast) return;
  }
}

static int connected(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int server = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  if (connect(server, (struct sockaddr *)&address, sizeof address)) fail("connect", "refused");
  setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return server;
}

static void message(int server) {
  static char commands[1 << 16];
  int length = sprintf(commands, "MAIL FROM:<sender@client.example>\r\n");
  if (!isPipelined) {
    sendAll(server, commands, (size_t)length);
    expect(server, '2', "MAIL");
    length = 0;
  }
  for (int number = 0; number < recipients; number++) {
    length += sprintf(commands + length, "RCPT TO:<user%d@x.example>\r\n", number);
    if (isPipelined) continue;
    sendAll(server, commands, (size_t)length);
    expect(server, '2', "RCPT");
    length = 0;
  }
  length += sprintf(commands + length, "DATA\r\n");
  sendAll(server, commands, (size_t)length);
  for (int number = isPipelined ? -1 : recipients; number < recipients; number++)
    expect(server, '2', "MAIL or RCPT");
  expect(server, '3', "DATA");
  sendAll(server, content, contentLength);
  expect(server, '2', "the message");
}

static void session(double *latencies) {
  int server = connected();
  receivedCount = 0;
  expect(server, '2', "greeting");
  sendAll(server, "EHLO client.example\r\n", 21);
  expect(server, '2', "EHLO");
  for (int number = 0; number < messages; number++) {
    double start = now();
    message(server);
    latencies[number] = now() - start;
  }
  sendAll(server, "QUIT\r\n", 6);
  expect(server, '2', "QUIT");
  // Wait until the server closes the connection: it has done all its work for this session then.
  while (recv(server, received, sizeof received, 0) > 0) {}
  close(server);
}

static int ascending(const void *left, const void *right) {
  double difference = *(const double *)left - *(const double *)right;
  return (difference > 0) - (difference < 0);
}

int main(int count, char **arguments) {
  if (count < 7) {
    fprintf(stderr, "usage: load PORT CONNECTIONS SESSIONS MESSAGES SIZE RECIPIENTS [pipelined]\n");
    return 2;
  }
  port = atoi(arguments[1]);
  int connections = atoi(arguments[2]), sessions = atoi(arguments[3]);
  messages = atoi(arguments[4]), size = atoi(arguments[5]), recipients = atoi(arguments[6]);
  isPipelined = count > 7;
  if (recipients > 1000) return 2;

  const char header[] = "From: sender@client.example\r\nSubject: benchmark\r\n\r\n";
  content = malloc((size_t)size + 200);
  contentLength = (size_t)sprintf(content, "%s", header);
  while (contentLength < (size_t)size) {
    memset(content + contentLength, 'x', 70);
    memcpy(content + contentLength + 70, "\r\n", 2);
    contentLength += 72;
  }
  memcpy(content + contentLength, ".\r\n", 3);
  contentLength += 3;

  size_t all = (size_t)sessions * (size_t)messages;
  double *latencies = mmap(NULL, (all ? all : 1) * sizeof(double), PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  double start = now();
  alarm(patience);
  for (int worker = 0; worker < connections; worker++) {
    if (fork()) continue;
    alarm(patience);
    for (int number = worker; number < sessions; number += connections)
      session(latencies + (size_t)number * (size_t)messages);
    exit(0);
  }
  int failed = 0, status;
  while (wait(&status) > 0) failed |= status;
  double seconds = now() - start;
  if (failed) return 1;
  qsort(latencies, all, sizeof *latencies, ascending);
  printf("%.6f %.1f\n", seconds, all ? latencies[all / 2] * 1e6 : 0);
}
