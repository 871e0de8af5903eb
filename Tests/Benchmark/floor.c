// The floor: what an SMTP session costs that has no policy at all. A filter on standard input and
// output as Postern is, which knows the verbs by their first octet, believes everything, and stores a
// message as Postern does: an unnamed file, fdatasync, a link for each recipient, fsync of the
// directory. Its replies are as long as Postern's. Nothing else is in here, so that what a session costs
// above it is the price of SMTP done properly.
//
//     floor DIRECTORY

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { inputSize = 65536, outputSize = 65536, maximumRecipients = 1000 };

static char input[inputSize + 1];
static size_t start, end;
static char output[outputSize];
static size_t replied;
static char recipients[maximumRecipients][64];
static int recipientCount;
static int directory;

static void flush(void) {
  for (size_t done = 0; done < replied;) {
    ssize_t count = write(1, output + done, replied - done);
    if (count <= 0) exit(1);
    done += (size_t)count;
  }
  replied = 0;
}

static void reply(const char *text) {
  size_t length = strlen(text);
  if (replied + length > outputSize) flush();
  memcpy(output + replied, text, length);
  replied += length;
}

// Reads more; what is not done with is kept.
static void fill(void) {
  flush();
  memmove(input, input + start, end - start);
  end -= start;
  start = 0;
  ssize_t count = read(0, input + end, inputSize - end);
  if (count <= 0) exit(0);
  end += (size_t)count;
}

static char *line(void) {
  size_t searched = start;
  for (;;) {
    char *found = memchr(input + searched, '\n', end - searched);
    if (found) {
      char *text = input + start;
      *found = 0;
      start = (size_t)(found - input) + 1;
      return text;
    }
    size_t known = end - start;
    fill();
    searched = start + known;
  }
}

static void writeAll(int file, const char *octets, size_t count) {
  while (count > 0) {
    ssize_t written = write(file, octets, count);
    if (written <= 0) exit(1);
    octets += written;
    count -= (size_t)written;
  }
}

static void data(void) {
  reply("354 End data with <CR><LF>.<CR><LF>\r\n");
  int file = openat(directory, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0660);
  if (file < 0) exit(1);
  // Where a line begins that may be the last; dots in front of other lines are taken off.
  int isLineStart = 1;
  for (;;) {
    if (end - start < 3) {
      fill();
      continue;
    }
    if (isLineStart && input[start] == '.') {
      if (input[start + 1] == '\r' && input[start + 2] == '\n') {
        start += 3;
        break;
      }
      start += 1;
    }
    isLineStart = 0;
    // Up to a line that begins with a dot, or to the end, line by line: memchr(3) is faster than memmem(3).
    size_t stop = end;
    for (char *next = input + start; (next = memchr(next, '\n', (size_t)(input + end - next))); ) {
      next += 1;
      if (next == input + end || *next == '.') {
        stop = (size_t)(next - input);
        isLineStart = 1;
        break;
      }
    }
    writeAll(file, input + start, stop - start);
    start = stop;
  }
  if (fdatasync(file)) exit(1);
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  for (int number = 0; number < recipientCount; number++) {
    char name[128];
    snprintf(name, sizeof name, "%lld.%09ld-%d-%d-%s.eml", (long long)now.tv_sec, now.tv_nsec,
             (int)getpid(), number, recipients[number]);
    if (linkat(file, "", directory, name, AT_EMPTY_PATH)) exit(1);
  }
  if (fsync(directory)) exit(1);
  close(file);
  recipientCount = 0;
  reply("250 2.0.0 OK: stored as 0123456789abcdef\r\n");
}

int main(int count, char **arguments) {
  directory = open(count > 1 ? arguments[1] : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return 1;
  reply("220 floor\r\n");
  for (;;) {
    char *command = line();
    switch (*command) {
    case 'R': {
      char *from = strchr(command, '<'), *to = from ? strchr(from, '>') : NULL;
      if (to && recipientCount < maximumRecipients) {
        *to = 0;
        snprintf(recipients[recipientCount++], sizeof recipients[0], "%s", from + 1);
      }
      reply("250 2.0.0 OK\r\n");
      break;
    }
    case 'D': data(); break;
    case 'E': reply("250-floor\r\n250 PIPELINING\r\n"); break;
    case 'Q':
      reply("221 bye\r\n");
      flush();
      return 0;
    default: reply("250 2.0.0 OK\r\n");
    }
  }
}
