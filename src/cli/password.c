#include "cli/password.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

static volatile sig_atomic_t interrupted;

static void note_interrupt(int number)
{
	interrupted = number;
}

/* One line without its end, byte by byte: what follows belongs to somebody else. -ECANCELED at the end of the input or after a signal. */
static int read_line(int fd, char line[PASSWORD_MOST])
{
	for (size_t n = 0;;) {
		char c;
		ssize_t got = read(fd, &c, 1);
		if (interrupted || (got <= 0 && n == 0))
			return -ECANCELED;
		if (got <= 0 || c == '\n') {
			if (n && line[n - 1] == '\r')
				n--;
			line[n] = '\0';
			return 0;
		}
		if (n == PASSWORD_MOST - 1)
			return -ENOBUFS;
		line[n++] = c;
	}
}

static void put(int fd, const char *text)
{
	if (write(fd, text, strlen(text)) < 0)
		interrupted = SIGPIPE;
}

/* The terminal gets its echo back, whatever ends the question; the signal then takes its course. */
static int ask_terminal(int fd, const char *prompt, char line[PASSWORD_MOST])
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
	enum { NUMBERS = sizeof(numbers) / sizeof(numbers[0]) };
	struct sigaction note = {.sa_handler = note_interrupt}, before[NUMBERS];
	struct termios with_echo, without;
	if (tcgetattr(fd, &with_echo) != 0)
		return -errno;
	for (int i = 0; i < NUMBERS; i++)
		sigaction(numbers[i], &note, &before[i]);
	without = with_echo;
	without.c_lflag &= ~(tcflag_t)ECHO;
	without.c_lflag |= ECHONL | ICANON;
	put(fd, prompt);
	tcsetattr(fd, TCSAFLUSH, &without);
	int error = read_line(fd, line);
	tcsetattr(fd, TCSAFLUSH, &with_echo);
	for (int i = 0; i < NUMBERS; i++)
		sigaction(numbers[i], &before[i], NULL);
	if (interrupted) {
		put(fd, "\n");
		raise(interrupted);
	}
	return error;
}

static int ask(const char *prompt, bool twice, char password[PASSWORD_MOST], struct buf *why)
{
	char again[PASSWORD_MOST];
	if (!isatty(STDIN_FILENO))
		return read_line(STDIN_FILENO, password);
	int error = ask_terminal(STDIN_FILENO, prompt, password);
	if (error || !twice)
		return error;
	error = ask_terminal(STDIN_FILENO, "Once more: ", again);
	if (!error && strcmp(password, again) != 0) {
		buf_adds(why, "that was not the same twice");
		error = -EINVAL;
	}
	OPENSSL_cleanse(again, sizeof(again));
	return error;
}

int password_ask(const char *prompt, bool twice, char password[PASSWORD_MOST], struct buf *why)
{
	interrupted = 0;
	int error = ask(prompt, twice, password, why);
	if (error == 0 && password[0] == '\0') {
		buf_adds(why, "the password is empty");
		return -EINVAL;
	}
	if (error == -ECANCELED)
		buf_adds(why, "no password was given");
	if (error == -ENOBUFS)
		buf_addf(why, "the password is longer than %d bytes", PASSWORD_MOST - 1);
	return error;
}
