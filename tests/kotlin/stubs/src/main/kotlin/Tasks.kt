@file:Suppress("UNUSED_PARAMETER")

package com.google.android.gms.tasks

public abstract class Task<T>

public class Tasks private constructor() {
    public companion object {
        @JvmStatic
        public fun <T> await(task: Task<T>): T = TODO()
    }
}
