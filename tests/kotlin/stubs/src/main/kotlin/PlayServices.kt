/* What LiteRT's documentation of Google Play services uses of them, in its guide to CompiledModel. */
@file:Suppress("UNUSED_PARAMETER")

package com.google.android.gms.litert

import android.content.Context
import com.google.ai.edge.litert.Environment
import com.google.android.gms.tasks.Task

public class LiteRt private constructor() {
    public companion object {
        @JvmStatic
        public fun initialize(context: Context): Task<Environment> = TODO()
    }
}
