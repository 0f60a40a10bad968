#include "kernels/product/product_body.h"

namespace cycloid::kernels {

const ProductBodies product_bodies_avx2 = {kProductTiles, kVectorBytes, kTileRows};

}  // namespace cycloid::kernels
