#include "cli/commands.h"

int main(int argc, char** argv) { return cycloid::run_cli(argc, argv); }
