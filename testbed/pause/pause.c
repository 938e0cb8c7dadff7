/*
 * The process that holds a pod's namespaces: it waits to be told to end, and
 * collects what the pod's processes leave behind. It does nothing else.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void end(int number)
{
	(void)number;
	_exit(0);
}

static void collect(int number)
{
	(void)number;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

int main(void)
{
	struct sigaction ending = {.sa_handler = end};
	struct sigaction collecting = {.sa_handler = collect, .sa_flags = SA_NOCLDSTOP};

	if (sigaction(SIGTERM, &ending, NULL) || sigaction(SIGINT, &ending, NULL) || sigaction(SIGCHLD, &collecting, NULL))
		return EXIT_FAILURE;
	for (;;)
		pause();
}
