#include "console/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cleanup.h"

/* A small file of /proc; the length of its text, 0 if it cannot be read. */
static size_t read_small(const char *path, char *room, size_t n)
{
	AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, room, n - 1);
	room[got > 0 ? got : 0] = '\0';
	return got > 0 ? (size_t)got : 0;
}

/* The field of /proc/self/stat with this number (proc(5)); `after` the command's name, which may hold anything. */
static int64_t stat_field(const char *after, unsigned number)
{
	for (unsigned at = 2; at < number; at++) {
		after = strchr(after, ' ');
		if (!after)
			return 0;
		after++;
	}
	return strtoll(after, NULL, 10);
}

static void read_stat(struct process_figures *p)
{
	char text[1024];
	size_t n = read_small("/proc/self/stat", text, sizeof(text));
	const char *after = n ? strrchr(text, ')') : NULL;
	if (!after)
		return;
	struct timespec boot, now;
	clock_gettime(CLOCK_BOOTTIME, &boot);
	clock_gettime(CLOCK_REALTIME, &now);
	p->threads = stat_field(after, 20);
	p->up_s = boot.tv_sec - stat_field(after, 22) / sysconf(_SC_CLK_TCK);
	p->started_s = now.tv_sec - p->up_s;
	p->virtual = stat_field(after, 23);
	p->resident = stat_field(after, 24) * sysconf(_SC_PAGESIZE);
}

/* Newer kernels (6.2) say the count as the size of the folder; before, the entries are counted. */
static int64_t count_descriptors(void)
{
	struct stat st;
	if (stat("/proc/self/fd", &st) == 0 && st.st_size > 0)
		return st.st_size;
	DIR *folder = opendir("/proc/self/fd");
	if (!folder)
		return -1;
	int64_t n = -3; /* ".", "..", and the folder's own */
	while (readdir(folder))
		n++;
	closedir(folder);
	return n;
}

void process_read(struct process_figures *p)
{
	struct rlimit limit;
	struct timespec cpu;
	*p = (struct process_figures){-1, -1, -1, -1, -1, -1, -1, -1};
	read_stat(p);
	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu) == 0)
		p->cpu_ms = cpu.tv_sec * INT64_C(1000) + cpu.tv_nsec / 1000000;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur <= INT64_MAX)
		p->descriptors_most = (int64_t)limit.rlim_cur;
	p->descriptors = count_descriptors();
}
