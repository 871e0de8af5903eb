/* The program that mail is given to in Tests/Benchmark/routes: it reads all of its input, and adds a dot to the file that
   its argument names, by which the benchmark counts. */
#include <fcntl.h>
#include <unistd.h>

int main(int count, char **arguments) {
  static char octets[65536];
  ssize_t length;
  while ((length = read(0, octets, sizeof octets)) > 0) continue;
  if (length < 0 || count != 2) return 75;
  int file = open(arguments[1], O_WRONLY | O_APPEND | O_CLOEXEC);
  return file < 0 || write(file, ".", 1) != 1 ? 75 : 0;
}
