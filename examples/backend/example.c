/* The backend of an example that is files only: example-backend --app FOLDER, and then what every
 * backend takes. */
#include "app.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    struct problem problem = {.text = ""};
    struct app *app;
    int code;

    if (argc < 3 || strcmp(argv[1], "--app") != 0) {
        fprintf(stderr, "%s: --app FOLDER comes first, then --help tells more\n", argv[0]);
        return 2;
    }
    app = app_load(argv[2], &problem);
    if (app == NULL) {
        fprintf(stderr, "%s: %s\n", argv[0], problem.text);
        return 1;
    }
    argv[2] = argv[0];
    code = backend_main(argc - 2, argv + 2, app_backend(app));
    app_free(app);
    return code;
}
