#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <sys/socket.h>
#include <sys/un.h>

#include "site/beneath.h"
#include "site/folder.h"

static int root;

/* The descriptor is only looked at: 'f', 'd', or the error. */
static int opened(const char *path, unsigned how)
{
	struct stat st;
	int fd = beneath_open(root, path, how, &st);
	if (fd < 0)
		return fd;
	close(fd);
	return S_ISREG(st.st_mode) ? 'f' : 'd';
}

static void files_and_folders_are_opened(void **state)
{
	assert_int_equal(opened("a.txt", 0), 'f');
	assert_int_equal(opened("sub/b.txt", 0), 'f');
	assert_int_equal(opened("sub", 0), 'd');
	assert_int_equal(opened("sub/", 0), 'd');
	assert_int_equal(opened(".", 0), 'd');
	assert_int_equal(opened("none", 0), -ENOENT);
	assert_int_equal(opened("a.txt/", 0), -ENOENT);
	assert_int_equal(opened("a.txt/x", 0), -ENOENT);
}

static void nothing_leads_out(void **state)
{
	static const char *const ways[] = {"..",         "../root/a.txt", "sub/../../secret",   "/etc/passwd",     "/",
	                                   "out-up",     "out-absolute",  "out-folder/secret",  "out-proc/passwd", "self",
	                                   "sub/../../", "loop",          "sub/up/../../secret"};
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		assert_int_equal(opened(ways[i], 0), -ENOENT);
}

static void links_that_stay_beneath_are_followed_unless_told_otherwise(void **state)
{
	assert_int_equal(opened("in", 0), 'f');
	assert_int_equal(opened("sub/up", 0), 'f');
	assert_int_equal(opened("in", BENEATH_NO_SYMLINKS), -ENOENT);
	assert_int_equal(opened("sub/up", BENEATH_NO_SYMLINKS), -ENOENT);
	assert_int_equal(opened("sub/b.txt", BENEATH_NO_SYMLINKS), 'f');
}

/* None of them may hold the thread, either. */
static void what_is_no_file_is_not_there(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	strcpy(address.sun_path, folder_path("root/socket"));
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(mkfifo(folder_path("root/fifo"), 0644), 0);
	assert_int_equal(opened("fifo", 0), -ENOENT);
	assert_int_equal(opened("socket", 0), -ENOENT);
	close(fd);
	if (mknod(folder_path("root/null"), S_IFCHR | 0666, 1 << 8 | 3) == 0)
		assert_int_equal(opened("null", 0), -ENOENT);
}

static void what_is_known_is_found_without_the_disk(void **state)
{
	assert_int_equal(opened("sub/b.txt", 0), 'f');
	int r = opened("sub/b.txt", BENEATH_IN_MEMORY);
	assert_true(r == 'f' || r == -EAGAIN); /* never cached before Linux 5.12, and in some containers */
	r = beneath_root(folder_path("root"), BENEATH_IN_MEMORY);
	assert_true(r >= 0 || r == -EAGAIN);
	if (r >= 0)
		close(r);
}

static void what_may_not_be_read_is_told_apart(void **state)
{
	if (geteuid() == 0 && seteuid(65534) != 0)
		skip();
	assert_int_equal(opened("closed.txt", 0), -EACCES);
	assert_int_equal(opened("unlisted", 0), 'd');
	assert_int_equal(opened("unlisted/c.txt", 0), 'f');
	assert_int_equal(opened("shut/d.txt", 0), -EACCES);
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
}

static void the_kernel_can(void **state)
{
	assert_int_equal(beneath_probe(), 0);
	assert_int_equal(beneath_root(folder_path("nowhere"), 0), -EIO);
	assert_int_equal(beneath_root(folder_path("root/a.txt"), 0), -EIO);
}

static int make(void **state)
{
	folder_make();
	chmod(folder_name, 0755);
	folder_file("secret", "secret");
	folder_folder("root");
	folder_folder("root/sub");
	folder_folder("root/unlisted");
	folder_folder("root/shut");
	folder_file("root/a.txt", "a");
	folder_file("root/sub/b.txt", "b");
	folder_file("root/closed.txt", "closed");
	folder_file("root/unlisted/c.txt", "c");
	folder_file("root/shut/d.txt", "d");
	folder_link("root/in", "sub/b.txt");
	folder_link("root/sub/up", "../a.txt");
	folder_link("root/out-up", "../secret");
	folder_link("root/out-absolute", folder_path("secret"));
	folder_link("root/out-folder", "..");
	folder_link("root/out-proc", "/proc/self/root/etc");
	folder_link("root/self", folder_path("root/a.txt"));
	folder_link("root/loop", "loop");
	chmod(folder_path("root/closed.txt"), 0);
	chmod(folder_path("root/unlisted"), 0711);
	chmod(folder_path("root/shut"), 0700);
	root = beneath_root(folder_path("root"), 0);
	return root < 0 ? root : 0;
}

static int clear(void **state)
{
	close(root);
	folder_remove();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_kernel_can),
		cmocka_unit_test(files_and_folders_are_opened),
		cmocka_unit_test(nothing_leads_out),
		cmocka_unit_test(links_that_stay_beneath_are_followed_unless_told_otherwise),
		cmocka_unit_test(what_is_no_file_is_not_there),
		cmocka_unit_test(what_is_known_is_found_without_the_disk),
		cmocka_unit_test(what_may_not_be_read_is_told_apart),
	};
	return cmocka_run_group_tests(tests, make, clear);
}
