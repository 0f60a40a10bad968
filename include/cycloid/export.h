// CYCLOID_API marks what the shared library exports. Public headers open their namespace with it
// (`namespace CYCLOID_API cycloid {`), which exports what is declared there and nothing else.
#pragma once

#define CYCLOID_API __attribute__((visibility("default")))
